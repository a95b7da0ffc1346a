"""One coin of which its provider can tell nothing does not keep the others from being asked for."""

import asyncpg
import pytest

from services.coins.upkeep import CoinUpkeep
from services.stores.coins import select_profile
from tests.listings import Reply
from tests.services.coins.conftest import HandClock, Workers
from utils.domain import DAY_MS
from utils.errors import UpstreamError

COINS = 4
GONE = Reply({"error": "coin not found"}, 404)
GARBAGE = Reply(b"<html>")


async def _nobody_is_told() -> None:
    pass


@pytest.fixture
async def upkeep(pool: asyncpg.Pool, workers: Workers) -> CoinUpkeep:
    made = CoinUpkeep(
        pool=pool,
        clock=workers.hand.clock,
        source=await workers.source("coingecko"),
        announce=_nobody_is_told,
        history_days=30,
    )
    await made.sync(COINS)
    workers.local.calls.clear()
    return made


def say_of_the_first(workers: Workers, reply: Reply) -> None:
    workers.local.say = lambda call: reply if call.path.split("/")[1] == "coin-1" else None


def asked(workers: Workers) -> list[str]:
    coins = [call.path.split("/")[1] for call in workers.local.calls]
    workers.local.calls.clear()
    return coins


@pytest.mark.parametrize("reply", [GONE, GARBAGE], ids=["gone", "garbage"])
async def test_a_coin_that_cannot_be_described_is_passed_over_for_a_month(
    workers: Workers, upkeep: CoinUpkeep, hand: HandClock, reply: Reply
) -> None:
    say_of_the_first(workers, reply)
    assert await upkeep.describe(COINS) == COINS - 1
    assert asked(workers) == [f"coin-{number}" for number in range(1, COINS + 1)]
    hand.pass_s(DAY_MS / 1_000)
    assert await upkeep.describe(COINS) == 0
    assert asked(workers) == []


@pytest.mark.parametrize("reply", [GONE, GARBAGE], ids=["gone", "garbage"])
async def test_a_coin_whose_past_cannot_be_told_is_passed_over_for_a_month(
    workers: Workers, upkeep: CoinUpkeep, hand: HandClock, reply: Reply
) -> None:
    say_of_the_first(workers, reply)
    assert await upkeep.backfill(COINS) > 0
    assert asked(workers) == [f"coin-{number}" for number in range(1, COINS + 1)]
    hand.pass_s(DAY_MS / 1_000)
    assert await upkeep.backfill(COINS) == 0
    assert asked(workers) == []


async def test_words_that_came_once_stay_when_a_coin_is_gone(
    workers: Workers, upkeep: CoinUpkeep, hand: HandClock, pool: asyncpg.Pool
) -> None:
    assert await upkeep.describe(COINS) == COINS
    key = await pool.fetchval("SELECT coin_key FROM coin WHERE provider_id = 'coin-1'")
    before = await select_profile(pool, key)
    assert before is not None
    assert before.description
    hand.pass_s(31 * DAY_MS / 1_000)
    say_of_the_first(workers, GONE)
    await upkeep.sync(COINS)
    assert await upkeep.describe(COINS) == COINS - 1
    after = await select_profile(pool, key)
    assert after is not None
    assert (after.description, after.links) == (before.description, before.links)


async def test_a_provider_that_is_away_is_not_asked_for_the_next_coin(
    workers: Workers, upkeep: CoinUpkeep
) -> None:
    say_of_the_first(workers, Reply({}, 429, {"Retry-After": "120"}))
    with pytest.raises(UpstreamError):
        await upkeep.describe(COINS)
    assert set(asked(workers)) == {"coin-1"}
