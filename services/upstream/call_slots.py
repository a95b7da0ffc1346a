"""Places for the questions that one worker has under way at one exchange, and a bounded queue for them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.upstream.limits import UpstreamLimits
from services.upstream.refusals import SOON_S, busy, crowded_out


class CallSlots:
    """Give out places in the order of asking."""

    def __init__(self, exchange: str, limits: UpstreamLimits, steady_s: Callable[[], float]) -> None:
        self._exchange = exchange
        self._waiting_max = limits.waiting
        self._steady_s = steady_s
        self._slots = asyncio.Semaphore(limits.in_flight)
        self._waiting = 0

    @asynccontextmanager
    async def taken(self, deadline_s: float) -> AsyncIterator[None]:
        """Hold a place.

        Raises: UpstreamBusy when too many wait already; UpstreamTimeout when none is free by the deadline.
        """
        await self._take(deadline_s)
        try:
            yield
        finally:
            self._slots.release()

    async def _take(self, deadline_s: float) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        if self._waiting >= self._waiting_max:
            raise busy(self._exchange, SOON_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline_s - self._steady_s()):
                await self._slots.acquire()
        except TimeoutError as error:
            raise crowded_out(self._exchange) from error
        finally:
            self._waiting -= 1
