"""The newest bars of a topic for however many ask at once: one reading, kept for a moment."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.single_flight import SingleFlight
from utils.clock import Clock
from utils.domain import Bar, Topic

# What closed or formed since then is in the log, which is laid over these bars.
KEPT_MS = 1_000
TOPICS_MAX = 1_000

ReadBars = Callable[[Topic, int], Awaitable[tuple[Bar, ...]]]


@dataclass(frozen=True, slots=True)
class _Reading:
    read_ms: int
    bars: tuple[Bar, ...]


class RecentBars:
    """Read the newest bars of a topic at most once a second, whoever asks."""

    def __init__(self, read: ReadBars, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._flight: SingleFlight[tuple[Bar, ...]] = SingleFlight()
        self._kept: OrderedDict[tuple[Topic, int], _Reading] = OrderedDict()

    async def newest(self, topic: Topic, limit: int) -> tuple[Bar, ...]:
        """Return at most ``limit`` bars, oldest first, as they were within the last second."""
        kept = self._kept.get((topic, limit))
        if kept is not None and self._clock.now_ms() - kept.read_ms < KEPT_MS:
            return kept.bars
        return await self._flight.run((topic, limit), lambda: self._read_and_keep(topic, limit))

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._flight.close()

    async def _read_and_keep(self, topic: Topic, limit: int) -> tuple[Bar, ...]:
        # The time before the reading: the bars are at least as new as it says.
        read_ms = self._clock.now_ms()
        bars = await self._read(topic, limit)
        self._kept.pop((topic, limit), None)
        self._kept[topic, limit] = _Reading(read_ms, bars)
        if len(self._kept) > TOPICS_MAX:
            self._kept.popitem(last=False)
        return bars
