"""Two workers, one exchange that asks to be left alone."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from services.upstream.ban import Ban
from services.upstream.optional_redis import OptionalRedis
from tests.services.upstream.conftest import DEADLINE_S, Exchange, HandSteady
from utils.errors import (
    NotFound,
    UpstreamBusy,
    UpstreamDown,
    UpstreamError,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)

KEY = "upstream:{crypto:bitstamp}"
WAIT_S = 1.0
ASKED_TO_WAIT = UpstreamLimited("Bitstamp asked us to wait. Try again in 1 second.", retry_after_s=WAIT_S)
BUSY = UpstreamBusy("Bitstamp is being asked enough. Try again.", retry_after_s=5)

often = pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.long)])


def make_ban(redis: OptionalRedis, steady: object = time.monotonic) -> Ban:
    return Ban("bitstamp", KEY, redis=redis, steady_s=steady)


@pytest.fixture
def workers(redis: Redis) -> tuple[Ban, Ban]:
    """Two workers on real time, since Redis counts in real time."""
    return make_ban(OptionalRedis(redis, time.monotonic)), make_ban(OptionalRedis(redis, time.monotonic))


async def ask(ban: Ban, exchange: Exchange, patience_s: float = 0.0) -> str:
    async with ban.call(time.monotonic() + patience_s):
        return await exchange.answer()


async def until_over(wait_s: float = WAIT_S) -> None:
    await asyncio.sleep(wait_s + 0.05)  # Redis counts this time; nothing tells of its end


@often
async def test_what_one_worker_is_told_all_obey(workers: tuple[Ban, Ban], times: int) -> None:
    for _ in range(times):
        exchange = Exchange([ASKED_TO_WAIT, "bars"])
        with pytest.raises(UpstreamLimited):
            await ask(workers[0], exchange)
        for ban in workers * 20:
            with pytest.raises(UpstreamLimited, match=r"asked us to wait\. Try again in 1 second") as told:
                await ask(ban, exchange)
            assert 0 < told.value.retry_after_s <= WAIT_S
            # Known here now: Redis need not be asked to refuse the next.
            with pytest.raises(UpstreamLimited):
                ban.check()
        assert exchange.asked == 1
        await until_over()
        assert await ask(workers[1], exchange) == "bars"


@often
async def test_after_the_wait_one_asks_and_the_others_wait_for_how_that_ends(
    workers: tuple[Ban, Ban], times: int
) -> None:
    for _ in range(times):
        await try_again_together(workers)


async def try_again_together(workers: tuple[Ban, Ban]) -> None:
    exchange, trying, gate = Exchange([ASKED_TO_WAIT, "bars"]), asyncio.Event(), asyncio.Event()
    with pytest.raises(UpstreamLimited):
        await ask(workers[0], exchange)
    await until_over()

    async def ask_slowly(ban: Ban) -> str:
        async with ban.call(time.monotonic() + DEADLINE_S):
            answer = await exchange.answer()
            trying.set()
            await gate.wait()
            return answer

    asking = [asyncio.create_task(ask_slowly(ban)) for ban in workers * 10]
    async with asyncio.timeout(DEADLINE_S):
        await trying.wait()
        for ban in workers:
            with pytest.raises(UpstreamLimited, match="is being asked again now") as told:
                await ask(ban, exchange)
            assert told.value.retry_after_s
    assert exchange.asked == 2
    gate.set()
    assert await asyncio.gather(*asking) == ["bars"] * 20


@pytest.mark.parametrize(
    "failure",
    [UpstreamDown("Away."), UpstreamTimeout("Silent."), UpstreamGarbage("No market data."), BUSY],
    ids=lambda error: type(error).__name__,
)
async def test_a_trial_that_fails_is_followed_by_one_other(
    workers: tuple[Ban, Ban], redis: Redis, failure: UpstreamError
) -> None:
    exchange = Exchange([ASKED_TO_WAIT, failure, "bars"])
    with pytest.raises(UpstreamLimited):
        await ask(workers[0], exchange)
    await until_over()
    with pytest.raises(type(failure)):
        await ask(workers[0], exchange)
    assert workers[0].on_trial
    assert await redis.exists(f"{KEY}:strikes")
    assert await ask(workers[1], exchange) == "bars"
    assert not await redis.exists(f"{KEY}:strikes", f"{KEY}:trial")


async def test_an_unknown_symbol_is_an_answer(workers: tuple[Ban, Ban]) -> None:
    exchange = Exchange([ASKED_TO_WAIT, NotFound("No such symbol."), "bars"])
    with pytest.raises(UpstreamLimited):
        await ask(workers[0], exchange)
    await until_over()
    with pytest.raises(NotFound):
        await ask(workers[0], exchange)
    assert not workers[0].on_trial
    assert await asyncio.gather(*(ask(ban, exchange) for ban in workers * 5)) == ["bars"] * 10


async def test_a_trial_whose_caller_leaves_is_left_to_the_next(workers: tuple[Ban, Ban]) -> None:
    exchange = Exchange([ASKED_TO_WAIT, "bars"])
    with pytest.raises(UpstreamLimited):
        await ask(workers[0], exchange)
    await until_over()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), workers[0].call(time.monotonic()):
            await asyncio.Event().wait()
    assert await ask(workers[1], exchange) == "bars"


async def test_what_the_plugin_refuses_by_itself_is_no_ban(workers: tuple[Ban, Ban], redis: Redis) -> None:
    with pytest.raises(UpstreamBusy):
        await ask(workers[0], Exchange([BUSY]))
    assert await redis.keys() == []
    assert await ask(workers[1], Exchange()) == "bars"


async def test_without_redis_a_worker_obeys_what_it_was_told_itself(
    away: OptionalRedis, steady: HandSteady
) -> None:
    ban, exchange = make_ban(away, steady), Exchange([ASKED_TO_WAIT, "bars"])
    with pytest.raises(UpstreamLimited):
        await ask(ban, exchange)
    for _ in range(10):
        with pytest.raises(UpstreamLimited):
            await ask(ban, exchange)
    assert exchange.asked == 1
    steady.now_s += WAIT_S
    async with ban.call(steady()):
        assert ban.on_trial
        steady.now_s += 0.1
        with pytest.raises(UpstreamLimited, match="being asked again"):
            async with ban.call(steady() - 0.1):
                pytest.fail("a second trial")
    assert not ban.on_trial
    assert await ask(ban, exchange) == "bars"


async def test_a_ban_outlives_a_redis_that_forgets_it(workers: tuple[Ban, Ban], redis: Redis) -> None:
    exchange = Exchange([ASKED_TO_WAIT, "bars"])
    with pytest.raises(UpstreamLimited):
        await ask(workers[0], exchange)
    await redis.flushall()
    with pytest.raises(UpstreamLimited):
        await ask(workers[0], exchange)
    assert exchange.asked == 1


async def test_a_stream_is_not_opened_during_the_wait_and_leaves_the_trial_to_a_question(
    workers: tuple[Ban, Ban], redis: Redis
) -> None:
    await workers[0].impose(ASKED_TO_WAIT)
    for ban in workers:
        with pytest.raises(UpstreamLimited):
            await ban.pass_stream(time.monotonic() + DEADLINE_S)
    await until_over()
    opening = asyncio.create_task(workers[0].pass_stream(time.monotonic() + DEADLINE_S))
    await asyncio.sleep(0)
    assert await ask(workers[1], Exchange()) == "bars"
    async with asyncio.timeout(DEADLINE_S):
        await opening


async def test_a_stream_that_nobody_makes_the_trial_for_is_opened_in_the_end(
    workers: tuple[Ban, Ban],
) -> None:
    await workers[0].impose(ASKED_TO_WAIT)
    await until_over()
    began_s = time.monotonic()
    await workers[0].pass_stream(began_s + 0.2)
    assert time.monotonic() - began_s >= 0.2
