"""However many workers there are, an exchange is asked no oftener than it allows."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from services.upstream.optional_redis import OptionalRedis
from services.upstream.rate_budget import AT_ONCE_MIN, RateBudget
from utils.errors import UpstreamBusy


def make_budget(redis: OptionalRedis, requests_per_s: float, *, workers: int = 1) -> RateBudget:
    return RateBudget(
        "bitstamp",
        "upstream:{crypto:bitstamp}:rate",
        requests_per_s,
        redis=redis,
        workers=workers,
        steady_s=time.monotonic,
    )


async def take_turns(budget: RateBudget, count: int, *, wait_s: float) -> list[float]:
    """Ask for so many turns at once, and return when each of those given came."""

    async def take() -> float | None:
        try:
            await budget.take_turn(time.monotonic() + wait_s)
        except UpstreamBusy:
            return None
        return time.monotonic()

    times = await asyncio.gather(*(take() for _ in range(count)))
    return [time_s for time_s in times if time_s is not None]


def assert_spaced(turns: list[float], began_s: float, *, at_once: int, per_s: float) -> None:
    for place, turn_s in enumerate(sorted(turns)):
        earliest_s = max(0, place + 1 - at_once) / per_s
        assert turn_s - began_s >= earliest_s - 0.005, place


async def test_two_workers_share_one_budget(redis: Redis) -> None:
    budgets = [make_budget(OptionalRedis(redis, time.monotonic), 20) for _ in range(2)]
    began_s = time.monotonic()
    turns = await asyncio.gather(*(take_turns(budget, 20, wait_s=3) for budget in budgets))
    assert [len(each) for each in turns] == [20, 20]
    assert_spaced([*turns[0], *turns[1]], began_s, at_once=20, per_s=20)


async def test_a_turn_beyond_the_deadline_is_refused_at_once_with_the_wait(redis: Redis) -> None:
    budget = make_budget(OptionalRedis(redis, time.monotonic), 0.5)
    assert len(await take_turns(budget, AT_ONCE_MIN, wait_s=0)) == AT_ONCE_MIN
    began_s = time.monotonic()
    with pytest.raises(UpstreamBusy, match="Try again in 2 seconds") as told:
        await budget.take_turn(began_s + 1)
    assert time.monotonic() - began_s < 1
    assert 1 < told.value.retry_after_s <= 2


async def test_without_redis_each_worker_keeps_to_its_share(away: OptionalRedis) -> None:
    budgets = [make_budget(away, 20, workers=2) for _ in range(2)]
    began_s = time.monotonic()
    turns = await asyncio.gather(*(take_turns(budget, 40, wait_s=0.3) for budget in budgets))
    for each in turns:
        assert len(each) >= 10
        assert_spaced(each, began_s, at_once=10, per_s=10)
    assert away.missed == 80


async def test_exchanges_do_not_share_a_budget(redis: Redis) -> None:
    optional = OptionalRedis(redis, time.monotonic)
    one = make_budget(optional, 3)
    other = RateBudget("kraken", "other", 3, redis=optional, workers=1, steady_s=time.monotonic)
    assert len(await take_turns(one, 10, wait_s=0)) == 3
    assert len(await take_turns(other, 10, wait_s=0)) == 3
