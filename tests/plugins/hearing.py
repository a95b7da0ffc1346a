"""Listening to a stream in a test: what was heard, and how it ended."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.exchange import HeldTrade, LocalExchange
from tests.exchange.markets import walk
from utils.domain import Bar, Trade
from utils.errors import UpstreamError

DEADLINE_S = 10


class Heard:
    """What a listener has heard; `ended` is the error its stream ended with."""

    def __init__(self) -> None:
        self.items: list[Trade | Bar] = []
        self.ended: BaseException | None = None
        self._changed = asyncio.Condition()

    async def listen(self, stream: AsyncGenerator[tuple, None]) -> None:
        try:
            async for items in stream:
                assert items
                self.items += items
                await self._notify()
        except UpstreamError as error:
            self.ended = error
            await self._notify()
        finally:
            await stream.aclose()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(condition)

    async def until_count(self, count: int) -> None:
        await self.until(lambda: len(self.items) >= count)

    async def until_last_row(self, row: tuple[float, ...]) -> None:
        await self.until(lambda: bool(self.items) and as_row(self.items[-1]) == row)

    async def until_last_id(self, trade_id: int) -> None:
        await self.until(lambda: bool(self.items) and self.items[-1].id == str(trade_id))

    async def until_ended(self) -> BaseException | None:
        await self.until(lambda: self.ended is not None)
        return self.ended

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def listening(stream: AsyncGenerator[tuple, None]) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(heard.listen(stream))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


def as_row(bar: Bar) -> tuple[float, ...]:
    return (bar.open_time_ms, *bar.values)


def seen(trades: list[HeldTrade]) -> list[Trade]:
    return [Trade(str(each.id), each.time_ms, float(each.price), float(each.amount)) for each in trades]


def fresh(exchange: LocalExchange, count: int, *, first_id: int = 10_000) -> list[HeldTrade]:
    """Return trades that follow everything held so far."""
    return walk(count, start_ms=exchange.time_ms + 1_000, every_ms=250, first_id=first_id)
