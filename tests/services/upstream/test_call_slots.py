"""Few questions at a time, a bounded number waiting, and none for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.upstream.call_slots import CallSlots
from services.upstream.limits import UpstreamLimits
from tests.services.upstream.conftest import DEADLINE_S, HandSteady
from utils.errors import UpstreamBusy, UpstreamTimeout


class Line:
    """Questions that hold their place until the gate opens."""

    def __init__(self, slots: CallSlots, steady: HandSteady) -> None:
        self.slots = slots
        self.steady = steady
        self.gate = asyncio.Event()
        self.inside: list[int] = []
        self.most_inside = 0
        self.served: list[int] = []

    async def ask(self, number: int, wait_s: float = DEADLINE_S) -> None:
        async with self.slots.taken(self.steady() + wait_s):
            self.inside.append(number)
            self.most_inside = max(self.most_inside, len(self.inside))
            await self.gate.wait()
            self.inside.remove(number)
            self.served.append(number)


@pytest.fixture
def line(steady: HandSteady) -> Line:
    return Line(CallSlots("bitstamp", UpstreamLimits(), steady), steady)


@asynccontextmanager
async def crowd(line: Line, size: int) -> AsyncIterator[list["asyncio.Task[None]"]]:
    """Let so many ask, and wait until every one of them has a place or stands in line."""
    tasks = [asyncio.create_task(line.ask(number)) for number in range(size)]
    for _ in range(3):
        await asyncio.sleep(0)
    yield tasks
    line.gate.set()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait(tasks)


async def test_four_are_under_way_and_the_rest_follow_in_order(line: Line) -> None:
    async with crowd(line, 50):
        assert line.inside == [0, 1, 2, 3]
    assert line.most_inside == 4
    assert line.served == list(range(50))


async def test_the_one_beyond_the_queue_is_refused_at_once(line: Line) -> None:
    async with crowd(line, 4 + 64) as tasks:
        with pytest.raises(UpstreamBusy, match="bitstamp is being asked as much as it allows") as told:
            await line.ask(68)
        assert told.value.retry_after_s
    assert all(task.exception() is None for task in tasks)
    assert len(line.served) == 68


async def test_whoever_waits_too_long_is_told_and_the_place_in_line_is_free_again(line: Line) -> None:
    async with crowd(line, 4 + 63):
        for number in (67, 68):
            with pytest.raises(UpstreamTimeout, match="bitstamp is slow and many are waiting") as told:
                await line.ask(number, wait_s=0.01)
            assert told.value.retry_after_s


async def test_whoever_leaves_the_line_frees_a_place_in_it(line: Line) -> None:
    async with crowd(line, 4 + 64) as tasks:
        tasks[-1].cancel()
        await asyncio.wait([tasks[-1]])
        last = asyncio.create_task(line.ask(99))
        await asyncio.sleep(0)
    await last
    assert line.served[-1] == 99


async def test_a_question_that_fails_gives_its_place_back(line: Line) -> None:
    for _ in range(10):
        with pytest.raises(KeyError):
            async with line.slots.taken(line.steady() + 1):
                raise KeyError
    line.gate.set()
    await line.ask(1, wait_s=0)
    assert line.served == [1]
