"""However many workers there are, a month has no more calls than the plan, with Redis or without."""

import asyncio
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from services.coins.month_budget import MonthBudget
from services.upstream.optional_redis import REST_AFTER_FAILURE_S, OptionalRedis, RedisAway
from tests.services.coins.conftest import HandClock
from utils.errors import UpstreamBusy

KEY = "upstream:{listings:coingecko}:calls"


@pytest.fixture
def here(redis: Redis, hand: HandClock) -> OptionalRedis:
    return OptionalRedis(redis, hand.clock.steady_s)


def make_budget(
    redis: OptionalRedis, hand: HandClock, calls_max: int = 10, *, workers: int = 1
) -> MonthBudget:
    return MonthBudget("CoinGecko", KEY, calls_max, redis=redis, workers=workers, now_ms=hand.clock.now_ms)


async def taken(budget: MonthBudget, calls: int = 1, *, keep: int = 0) -> bool:
    try:
        await budget.take(calls, keep=keep)
    except UpstreamBusy:
        return False
    return True


async def lose(redis: OptionalRedis) -> None:
    """Let Redis fail once: it is then left alone until the clock has moved."""
    with pytest.raises(RedisAway):
        await redis.ask(lambda: redis.redis.execute_command("NO-SUCH-COMMAND"))


async def test_all_workers_together_make_no_more_calls_than_the_plan_has(
    here: OptionalRedis, hand: HandClock
) -> None:
    budgets = [make_budget(here, hand) for _ in range(4)]
    answers = await asyncio.gather(*(taken(budget) for budget in budgets * 5))
    assert sum(answers) == 10
    assert not await taken(budgets[0])
    assert budgets[0].used == 10


async def test_calls_that_do_not_fit_together_are_not_made_in_part(
    here: OptionalRedis, hand: HandClock
) -> None:
    budget = make_budget(here, hand)
    assert [await taken(budget, 4), await taken(budget, 7), await taken(budget, 6)] == [True, False, True]


async def test_what_others_need_is_left_to_them(here: OptionalRedis, hand: HandClock) -> None:
    budget = make_budget(here, hand)
    assert [await taken(budget, 2, keep=7), await taken(budget, 2, keep=7)] == [True, False]
    assert await taken(budget, 8)


async def test_the_next_month_begins_anew_and_the_refusal_says_when(
    here: OptionalRedis, hand: HandClock
) -> None:
    hand.time_ms = int(datetime(2028, 2, 29, 23, 58, tzinfo=UTC).timestamp() * 1_000)
    budget = make_budget(here, hand, 1)
    await budget.take(1)
    with pytest.raises(
        UpstreamBusy, match=r"calls as this service makes to CoinGecko .* 2 minutes\."
    ) as told:
        await budget.take(1)
    assert told.value.retry_after_s == 120
    hand.pass_s(119)
    assert not await taken(budget)
    hand.pass_s(1)
    assert budget.used == 0
    assert await taken(budget)


async def test_a_count_is_forgotten_after_its_month(
    here: OptionalRedis, hand: HandClock, redis: Redis
) -> None:
    await make_budget(here, hand).take(1)
    ((key, life_ms),) = [(key, await redis.pttl(key)) for key in await redis.keys("upstream:*")]
    assert key == f"{KEY}:2026-11".encode()
    assert 30 * 86_400_000 < life_ms <= 32 * 86_400_000


async def test_without_redis_each_worker_has_its_share_of_what_was_left(
    here: OptionalRedis, hand: HandClock
) -> None:
    budgets = [make_budget(here, hand, 100, workers=2) for _ in range(2)]
    for budget in budgets:
        assert await taken(budget, 20)
    # The first one does not know of the second one's calls.
    assert [budget.used for budget in budgets] == [20, 40]
    await lose(here)
    assert [sum([await taken(budget) for _ in range(60)]) for budget in budgets] == [40, 30]
    assert not await taken(budgets[0], keep=1)


async def test_what_was_used_without_redis_outlives_a_job_that_is_cancelled(
    here: OptionalRedis, hand: HandClock, redis: Redis
) -> None:
    budget = make_budget(here, hand, 100)
    await lose(here)
    assert await taken(budget, 10)
    hand.pass_s(REST_AFTER_FAILURE_S)
    job = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    job.cancel()
    await asyncio.wait([job], timeout=5)
    assert job.cancelled()
    assert await taken(budget)
    # Where Redis had counted them before the end came, they count twice.
    assert int(await redis.get(f"{KEY}:2026-11")) in (11, 22)
    assert budget.used == int(await redis.get(f"{KEY}:2026-11"))


async def test_what_was_used_without_redis_is_told_to_it_once(
    here: OptionalRedis, hand: HandClock, redis: Redis
) -> None:
    budget = make_budget(here, hand, 100)
    await lose(here)
    assert [await taken(budget, 5), await taken(budget, 5)] == [True, True]
    assert budget.used == 10
    assert not await redis.keys("upstream:*")
    hand.pass_s(REST_AFTER_FAILURE_S)
    assert await asyncio.gather(*(taken(budget) for _ in range(5))) == [True] * 5
    assert int(await redis.get(f"{KEY}:2026-11")) == 15
    assert budget.used == 15
