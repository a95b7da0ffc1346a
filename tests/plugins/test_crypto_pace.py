"""Calls are spaced by their cost, and a turn too far away is refused."""

import asyncio

import pytest

from plugins.crypto_pace import Pace
from utils.errors import UpstreamLimited


async def test_calls_take_their_turns_in_order_and_in_time() -> None:
    pace, loop, turns = Pace("Bitstamp"), asyncio.get_running_loop(), []

    async def call(name: int) -> None:
        await pace.wait(0.02)
        turns.append((name, loop.time()))

    started_s = loop.time()
    await asyncio.gather(*(call(name) for name in range(5)))
    assert [name for name, _ in turns] == [0, 1, 2, 3, 4]
    assert all(at_s - started_s >= 0.02 * place - 0.002 for place, (_, at_s) in enumerate(turns))


async def test_a_turn_too_far_away_is_refused_with_its_time() -> None:
    pace = Pace("Bitstamp")
    await pace.wait(100)
    with pytest.raises(UpstreamLimited, match="Bitstamp is being asked too much") as caught:
        await pace.wait(1)
    assert caught.value.retry_after_s == pytest.approx(100, abs=1)
