"""Turns come back evenly, whoever takes them."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from utils.cell_rate import CELL_RATE_SCRIPT, LocalCellRate

LIMIT, PERIOD_MS = 5, 250

asking = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5)), max_size=80)


@given(asking, st.integers(1, 10), st.floats(0.1, 10))
def test_no_stretch_of_time_holds_more_turns_than_it_may(
    asking: list[tuple[float, float]], limit: int, period_s: float
) -> None:
    rate, now_s, turns = LocalCellRate(limit, period_s), 100.0, []
    for pause_s, patience_s in asking:
        now_s += pause_s
        taken, wait_s = rate.take(now_s, patience_s=patience_s)
        assert taken is (wait_s <= patience_s)
        if taken:
            turns.append(now_s + wait_s)
    assert turns == sorted(turns)
    for first, start_s in enumerate(turns):
        for last in range(first, len(turns)):
            allowed = limit + (turns[last] - start_s) * limit / period_s
            assert last - first + 1 <= allowed + 1e-6


def test_a_turn_refused_costs_nothing() -> None:
    rate = LocalCellRate(1, 10.0)
    assert rate.take(0.0, patience_s=0) == (True, 0.0)
    for _ in range(100):
        assert rate.take(0.0, patience_s=9) == (False, 10.0)
    assert rate.take(0.0, patience_s=10) == (True, 10.0)


async def take(redis: Redis, patience_ms: int) -> tuple[int, int, int, int]:
    taken, left, full_in_ms, wait_ms = await redis.register_script(CELL_RATE_SCRIPT)(
        keys=["rate"], args=[LIMIT, PERIOD_MS, patience_ms]
    )
    return taken, left, full_in_ms, wait_ms


async def test_of_many_at_once_the_limit_goes_at_once_and_the_rest_in_even_turns(redis: Redis) -> None:
    answers = await asyncio.gather(*(take(redis, 10_000) for _ in range(20)))
    waits_ms = sorted(wait_ms for _, _, _, wait_ms in answers)
    assert waits_ms[:LIMIT] == [0] * LIMIT
    step_ms = PERIOD_MS / LIMIT
    for place, wait_ms in enumerate(waits_ms[LIMIT:], start=1):
        # The questions themselves took a little of that time.
        assert place * step_ms - 40 <= wait_ms <= place * step_ms + 1
    assert {left for _, left, _, _ in answers} == {0, 1, 2, 3, 4}


async def test_the_impatient_are_refused_with_the_wait_and_take_no_turn(redis: Redis) -> None:
    began_s = time.monotonic()
    for _ in range(LIMIT):
        assert (await take(redis, 0))[0] == 1
    for _ in range(20):
        taken, left, full_in_ms, wait_ms = await take(redis, 0)
        if time.monotonic() - began_s > PERIOD_MS / LIMIT / 1_000:
            pytest.skip("the machine is too busy to ask within one turn")
        assert (taken, left) == (0, 0)
        assert 0 < wait_ms <= PERIOD_MS / LIMIT
        assert full_in_ms <= PERIOD_MS
    taken, _, _, wait_ms = await take(redis, PERIOD_MS)
    assert taken
    assert wait_ms <= PERIOD_MS / LIMIT


async def test_what_is_counted_is_forgotten_when_all_turns_are_back(redis: Redis) -> None:
    await take(redis, 0)
    assert 0 < await redis.pttl("rate") <= PERIOD_MS / LIMIT
