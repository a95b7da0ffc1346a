"""The first provider that answers is the one; it is left while it asks to be, and come back to."""

import asyncio
import gc
import logging

import pytest

from services.upstream.optional_redis import OptionalRedis
from services.upstream.state import ExchangeMood
from tests.listings import LocalListings, Reply
from tests.listings.held import coinmarketcap_status
from tests.services.coins.conftest import HandClock, Workers
from utils.domain import DAY_MS
from utils.errors import NotFound, UpstreamBusy, UpstreamDown, UpstreamError, UpstreamLimited

GECKO, MARKETCAP = "api.coingecko.com", "pro-api.coinmarketcap.com"
BOTH = ("coingecko", "coinmarketcap")


def fail(local: LocalListings, **replies: Reply) -> None:
    """Let providers, by their names, say something else."""
    hosts = {GECKO: replies.get("coingecko"), MARKETCAP: replies.get("coinmarketcap")}
    local.say = lambda call: hosts[call.host]


def asked(local: LocalListings) -> list[str]:
    hosts = [call.host for call in local.calls]
    local.calls.clear()
    return hosts


async def test_the_first_provider_is_asked_and_says_who_it_is(workers: Workers, local: LocalListings) -> None:
    source = await workers.source(*BOTH)
    page = await source.fetch_top(50)
    assert (page.provider, len(page.coins)) == ("coingecko", 50)
    assert asked(local) == [GECKO]
    assert source.providers == BOTH


async def test_the_order_is_that_of_the_settings(workers: Workers, local: LocalListings) -> None:
    source = await workers.source("coinmarketcap", "coingecko")
    assert (await source.fetch_top(1)).provider == "coinmarketcap"
    assert asked(local) == [MARKETCAP]


@pytest.mark.parametrize(
    ("reply", "wait_s"),
    [
        (Reply({}, 429, {"Retry-After": "120"}), 120),
        (Reply({}, 429), 60),
        (Reply(b"", 500), 60),
        (Reply(b"", 401), 3_600),
        (Reply(b"<html>"), 5),
    ],
    ids=["asked to wait", "asked without a time", "failed", "refused the key", "sent a page"],
)
async def test_a_provider_is_left_for_its_waiting_time_and_come_back_to(
    workers: Workers, local: LocalListings, hand: HandClock, reply: Reply, wait_s: float
) -> None:
    source = await workers.source(*BOTH)
    fail(local, coingecko=reply)
    assert (await source.fetch_top(1)).provider == "coinmarketcap"
    assert asked(local) == [GECKO, MARKETCAP]
    hand.pass_s(wait_s - 1)
    assert (await source.fetch_top(1)).provider == "coinmarketcap"
    assert asked(local) == [MARKETCAP]
    fail(local)
    hand.pass_s(1)
    # Valkey counts its own seconds, which no test moves.
    await workers.redis.redis.flushall()
    assert (await source.fetch_top(1)).provider == "coingecko"
    assert asked(local) == [GECKO]


async def test_what_one_worker_was_told_to_wait_all_wait(workers: Workers, local: LocalListings) -> None:
    first, second = await workers.source(*BOTH), await workers.source(*BOTH)
    fail(local, coingecko=Reply({}, 429, {"Retry-After": "120"}))
    await first.fetch_top(1)
    asked(local)
    assert (await second.fetch_top(1)).provider == "coinmarketcap"
    assert asked(local) == [MARKETCAP]
    assert [state.mood for state in second.states] == [ExchangeMood.LIMITED, ExchangeMood.ANSWERING]


async def test_nobody_is_told_of_a_way_that_is_not_there(
    workers: Workers, local: LocalListings, hand: HandClock
) -> None:
    source = await workers.source(*BOTH)
    fail(local, coingecko=Reply(b"", 401), coinmarketcap=Reply(b"", 500))
    with pytest.raises(UpstreamDown) as told:
        await source.fetch_top(1)
    sentence = "Neither CoinGecko nor CoinMarketCap lists coins now. Try again in 60 seconds."
    assert (told.value.detail, told.value.retry_after_s) == (sentence, 60)
    asked(local)
    hand.pass_s(20)
    with pytest.raises(UpstreamDown, match="Try again in 40 seconds"):
        await source.fetch_top(1)
    assert asked(local) == []


async def test_the_only_provider_says_itself_what_is_wrong(
    workers: Workers, local: LocalListings, hand: HandClock
) -> None:
    source = await workers.source("coingecko")
    fail(local, coingecko=Reply({}, 429, {"Retry-After": "120"}))
    for passed_s in (0, 30):
        hand.pass_s(passed_s)
        with pytest.raises(UpstreamLimited, match="CoinGecko asked us to wait") as told:
            await source.fetch_top(1)
    assert told.value.retry_after_s == 90
    assert asked(local) == [GECKO]


async def test_what_is_kept_of_a_failure_is_not_what_was_asked_and_answered(
    workers: Workers, local: LocalListings
) -> None:
    source = await workers.source("coingecko")
    fail(local, coingecko=Reply(b"", 500))
    for _ in range(3):
        with pytest.raises(UpstreamDown):
            await source.fetch_top(1)
    await asyncio.sleep(0)
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, UpstreamError)]
    assert [each.detail[:9] for each in kept] == ["CoinGecko"]
    assert [(each.__traceback__, each.__context__) for each in kept] == [(None, None)]


async def test_a_named_provider_is_asked_and_no_other(workers: Workers, local: LocalListings) -> None:
    source = await workers.source(*BOTH)
    assert (await source.fetch_top(1, provider="coinmarketcap")).provider == "coinmarketcap"
    fail(local, coinmarketcap=Reply(b"", 500))
    with pytest.raises(UpstreamDown, match="CoinMarketCap answered with an error"):
        await source.fetch_top(1, provider="coinmarketcap")
    # Whoever names it knows better than its waiting time.
    fail(local)
    assert (await source.fetch_top(1, provider="coinmarketcap")).provider == "coinmarketcap"
    with pytest.raises(NotFound, match="The providers are coingecko, coinmarketcap"):
        await source.fetch_top(1, provider="simulated")


async def test_a_provider_that_answers_again_is_the_first_one_at_once(
    workers: Workers, local: LocalListings
) -> None:
    source = await workers.source(*BOTH)
    fail(local, coingecko=Reply(b"", 500))
    await source.fetch_top(1)
    fail(local)
    await source.fetch_top(1, provider="coingecko")
    assert (await source.fetch_top(1)).provider == "coingecko"


async def test_a_month_that_is_used_up_leaves_the_other_provider(
    workers: Workers, local: LocalListings, hand: HandClock
) -> None:
    source = await workers.source(*BOTH)
    await source.fetch_top(1)
    ((key,), _) = await workers.redis.redis.keys("*coingecko*calls*"), asked(local)
    await workers.redis.redis.set(key, 10_000)
    assert (await source.fetch_top(1)).provider == "coinmarketcap"
    assert asked(local) == [MARKETCAP]
    assert source.states[0].calls_used == source.states[0].calls_per_month == 10_000
    only = await workers.source("coingecko")
    with pytest.raises(UpstreamBusy, match="in a month are made") as told:
        await only.fetch_top(1)
    assert told.value.retry_after_s == pytest.approx(1_083_200)
    hand.time_ms += 13 * DAY_MS
    assert (await source.fetch_top(1)).provider == "coingecko"


async def test_a_plan_that_is_used_up_at_the_provider_is_no_more_asked_today(
    workers: Workers, local: LocalListings, hand: HandClock
) -> None:
    source = await workers.source("coinmarketcap", "coingecko")
    fail(local, coinmarketcap=Reply({"status": coinmarketcap_status(1010, "used up")}, 429))
    for _ in range(12):
        assert (await source.fetch_top(50)).provider == "coingecko"
        hand.pass_s(300)
        await workers.rest()
    assert asked(local).count(MARKETCAP) == 1


async def test_what_is_not_the_schedule_leaves_it_its_calls(workers: Workers, local: LocalListings) -> None:
    source = await workers.source("coingecko")
    await source.fetch_top(50)
    (key,) = await workers.redis.redis.keys("*coingecko*calls*")
    # From 11:06:40 on the 18th to the end of November there are 3,610 runs.
    await workers.redis.redis.set(key, 10_000 - 3_612)
    assert (await source.fetch_coin("coingecko", "coin-1")).coin_id == "coin-1"
    assert await source.fetch_history("coingecko", "coin-1", days=1)
    asked(local)
    await workers.rest()
    for question in (
        source.fetch_history("coingecko", "coin-1", days=1),
        source.fetch_coin("coingecko", "coin-1"),
        source.fetch_top(50, spare=True),
    ):
        with pytest.raises(UpstreamBusy, match="in a month are made"):
            await question
        await workers.rest()
    assert asked(local) == []
    assert (await source.fetch_top(50)).coins


async def test_a_list_of_many_pages_pays_for_each(workers: Workers) -> None:
    source = await workers.source("coinmarketcap")
    await source.fetch_top(600)
    assert source.states[0].calls_used == 3
    await workers.rest()
    await source.fetch_coin("coinmarketcap", "1")
    assert source.states[0].calls_used == 5


async def test_no_more_is_asked_for_than_there_is(workers: Workers, local: LocalListings) -> None:
    source = await workers.source("coingecko")
    assert len((await source.fetch_top(5_000)).coins) == 600
    await workers.rest()
    await source.fetch_history("coingecko", "coin-1", days=5_000)
    assert local.calls[-1].query["days"] == "365"


async def test_without_redis_coins_are_listed_all_the_same(
    workers: Workers, away: OptionalRedis, local: LocalListings
) -> None:
    source = await workers.source(*BOTH, redis=away)
    assert (await source.fetch_top(1)).provider == "coingecko"
    fail(local, coingecko=Reply({}, 429))
    assert (await source.fetch_top(1)).provider == "coinmarketcap"


async def test_the_log_says_when_a_provider_is_lost_and_when_it_is_back(
    workers: Workers, local: LocalListings, hand: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "services.coins.source")
    source = await workers.source(*BOTH)
    fail(local, coingecko=Reply(b"", 500))
    await source.fetch_top(1)
    fail(local)
    hand.pass_s(60)
    await source.fetch_top(1)
    await source.fetch_top(1)
    told = [record.getMessage() for record in caplog.records if record.name == "services.coins.source"]
    assert told == [
        "listings provider did not answer",
        "listings provider answers again",
    ]
