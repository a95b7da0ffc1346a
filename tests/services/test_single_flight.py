"""One call for however many ask, and one fate for all of them."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.single_flight import SingleFlight
from utils.errors import UpstreamDown

DEADLINE_S = 5
ASKERS = 500


class Exchange:
    """Count the calls, and hold each of them until the gate opens."""

    def __init__(self) -> None:
        self.calls = 0
        self.ended = 0
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def answer(self) -> int:
        self.calls += 1
        number = self.calls
        self.called.set()
        try:
            await self.gate.wait()
            if self.error:
                raise self.error
            return number
        finally:
            self.ended += 1


@pytest.fixture
async def flight() -> AsyncIterator[SingleFlight[int]]:
    opened: SingleFlight[int] = SingleFlight()
    yield opened
    await opened.close()


def asking(
    flight: SingleFlight[int], key: str, call: Callable[[], Awaitable[int]], askers: int
) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(flight.run(key, call)) for _ in range(askers)]


async def within_deadline(awaitable: Awaitable[object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await awaitable


async def test_however_many_ask_there_is_one_call(flight: SingleFlight[int]) -> None:
    exchange = Exchange()
    askers = asking(flight, "bars", exchange.answer, ASKERS)
    await within_deadline(exchange.called.wait())
    assert flight.busy("bars")
    exchange.gate.set()
    assert await asyncio.gather(*askers) == [1] * ASKERS
    assert exchange.calls == 1


async def test_keys_do_not_wait_for_each_other(flight: SingleFlight[int]) -> None:
    slow, quick = Exchange(), Exchange()
    quick.gate.set()
    (waiting,) = asking(flight, "slow", slow.answer, 1)
    assert await flight.run("quick", quick.answer) == 1
    assert not waiting.done()
    slow.gate.set()
    assert await waiting == 1


async def test_nothing_is_kept_when_the_call_is_over(flight: SingleFlight[int]) -> None:
    exchange = Exchange()
    exchange.gate.set()
    assert [await flight.run("bars", exchange.answer) for _ in range(3)] == [1, 2, 3]
    assert not flight.busy("bars")
    assert flight._tasks == {}


async def test_an_asker_who_leaves_takes_the_answer_from_nobody(flight: SingleFlight[int]) -> None:
    exchange = Exchange()
    first, *others = asking(flight, "bars", exchange.answer, 10)
    await within_deadline(exchange.called.wait())
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    exchange.gate.set()
    assert await asyncio.gather(*others) == [1] * 9


async def test_an_asker_whose_time_is_up_leaves_and_the_call_goes_on(flight: SingleFlight[int]) -> None:
    exchange = Exchange()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await flight.run("bars", exchange.answer)
    await within_deadline(exchange.called.wait())
    late = asking(flight, "bars", exchange.answer, 3)
    exchange.gate.set()
    assert await asyncio.gather(*late) == [1, 1, 1]
    assert exchange.calls == 1


async def test_an_error_reaches_all_who_waited_and_nobody_else(flight: SingleFlight[int]) -> None:
    exchange = Exchange()
    exchange.error = UpstreamDown("The exchange is away. Try again.")
    askers = asking(flight, "bars", exchange.answer, ASKERS)
    await within_deadline(exchange.called.wait())
    exchange.gate.set()
    outcomes = await asyncio.gather(*askers, return_exceptions=True)
    assert outcomes == [exchange.error] * ASKERS
    assert exchange.calls == 1
    exchange.error = None
    assert await flight.run("bars", exchange.answer) == 2


async def test_an_error_that_nobody_waited_for_disturbs_nobody(flight: SingleFlight[int]) -> None:
    exchange = Exchange()
    exchange.error = UpstreamDown("The exchange is away. Try again.")
    (asker,) = asking(flight, "bars", exchange.answer, 1)
    await within_deadline(exchange.called.wait())
    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker
    task = flight._tasks["bars"]
    exchange.gate.set()
    await within_deadline(asyncio.wait([task]))
    # An exception that nobody retrieved would be told to the loop here, and fail the test.
    del task, asker
    gc.collect()
    assert not flight.busy("bars")


async def test_closing_cancels_the_calls_and_waits_until_they_have_ended() -> None:
    flight: SingleFlight[int] = SingleFlight()
    exchange = Exchange()
    askers = asking(flight, "bars", exchange.answer, 3)
    await within_deadline(exchange.called.wait())
    await within_deadline(flight.close())
    assert exchange.ended == 1
    assert not flight.busy("bars")
    outcomes = await asyncio.gather(*askers, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


async def test_closing_an_idle_flight_does_nothing() -> None:
    flight: SingleFlight[int] = SingleFlight()
    await within_deadline(flight.close())
