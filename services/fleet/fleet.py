"""What all workers do together, as one of them knows it: it tells of itself, and reads what others told."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from services.fleet.exchange_board import ExchangeRow, exchange_rows, with_shared
from services.fleet.feed_board import FeedRow, feed_rows
from services.fleet.report import HeardReport, WorkerReport
from services.fleet.roll import TELL_EVERY_S, Roll
from services.upstream.shared_state import SharedStates
from utils.tasks import end_tasks, start_apart

# Whoever asks for the state of the service is answered within a second, whatever hangs.
READ_TIMEOUT_S = 0.4
# Balancers and monitors ask often, and all of them may have the same answer.
KEPT_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FleetState:
    """Hold what is known of all workers; ``complete`` is false where only this one is known."""

    workers: Sequence[HeardReport]
    feeds: Sequence[FeedRow]
    exchanges: Sequence[ExchangeRow]
    complete: bool


class Fleet:
    """Tell of this worker every two seconds, and answer for all."""

    def __init__(
        self,
        roll: Roll,
        shared: SharedStates,
        describe: Callable[[], WorkerReport],
        steady_s: Callable[[], float],
    ) -> None:
        self._roll = roll
        self._shared = shared
        self._describe = describe
        self._steady_s = steady_s
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[FleetState] | None = None
        self._seen: tuple[float, FleetState] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._tell_for_ever(), name="roll call")

    async def close(self) -> None:
        """Tell no more, and let the others know."""
        await end_tasks([task for task in (self._task, self._reading) if task is not None])
        if self._task is None:
            return
        try:
            await self._roll.leave()
        except (RedisError, OSError):
            log.info("this worker could not take its leave; it is forgotten by itself")

    async def state(self) -> FleetState:
        """Return how all workers are, at most a second old; all who ask meanwhile are given the same."""
        if self._seen is not None and self._steady_s() - self._seen[0] < KEPT_S:
            return self._seen[1]
        if self._reading is None or self._reading.done():
            self._reading = start_apart(self.look(), name="look at all workers")
        return await asyncio.shield(self._reading)

    async def look(self) -> FleetState:
        """Return how all workers are now."""
        complete = True
        heard = [HeardReport(self._describe(), 0)]
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                heard += await self._roll.read_others()
        except (RedisError, OSError):
            complete = False
        exchanges = exchange_rows(heard)
        if complete:
            exchanges = await self._with_shared(exchanges)
        state = FleetState(heard, feed_rows(heard), exchanges, complete)
        self._seen = (self._steady_s(), state)
        return state

    async def _with_shared(self, rows: list[ExchangeRow]) -> list[ExchangeRow]:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return with_shared(rows, await self._shared.read(row.state for row in rows))
        except TimeoutError:
            # Many exchanges and a slow Redis: what the workers told is true enough.
            return rows

    async def _tell_for_ever(self) -> None:
        while True:
            try:
                await self._roll.tell(self._describe())
            except (RedisError, OSError):
                log.info("this worker could not tell of itself; trying again")
            await asyncio.sleep(TELL_EVERY_S)
