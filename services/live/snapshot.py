"""The newest bars of a topic as its log had told them at a position, for however many join there."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from redis.exceptions import RedisError

from services.live.kept_briefly import KeptBriefly
from services.live.log import LiveLog, LogEntry, Position, order_of
from utils.clock import Clock
from utils.domain import Bar, Topic

SNAPSHOT_BARS = 2
OVERLAY_ENTRIES = 64

# Returns the newest bars in the store, oldest first, at most so many.
ReadBars = Callable[[Topic, int], Awaitable[tuple[Bar, ...]]]


class Snapshots:
    """Read the newest bars of topics, once for all who ask at the same position."""

    def __init__(self, log: LiveLog, read_stored: ReadBars, clock: Clock) -> None:
        self._log = log
        self._read_stored = read_stored
        # What closed or formed since these were read is in the log, which is laid over them.
        self._stored: KeptBriefly[tuple[Bar, ...]] = KeptBriefly(clock)
        self._told: KeptBriefly[tuple[Bar, ...]] = KeptBriefly(clock)

    async def bars_at(self, topic: Topic, position: Position) -> tuple[Bar, ...]:
        """Return the newest bars at a position, oldest first; none while the log cannot be read."""
        try:
            return await self._told.get((topic, position), lambda: self._read(topic, position))
        except (RedisError, OSError):
            return ()

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._told.close()
        await self._stored.close()

    async def _read(self, topic: Topic, position: Position) -> tuple[Bar, ...]:
        entries = await self._log.read_newest(topic, OVERLAY_ENTRIES, until=position.offset)
        stored = await self._stored.get(topic, lambda: self._read_stored(topic, SNAPSHOT_BARS))
        return bars_as_told(entries, stored, position, SNAPSHOT_BARS)


def bars_as_told(
    entries: Iterable[LogEntry], stored: Sequence[Bar], position: Position, count: int
) -> tuple[Bar, ...]:
    """Return the newest bars, oldest first: what the log said up to the position, and what it has forgotten.

    The store is ahead of the log. What opens later than the newest bar there is still to be told, and would
    come as older than the snapshot, or never. Of a log that has said nothing yet no bar can be shown: its
    first words are the newest ones.
    """
    told = [
        entry.event
        for entry in entries
        if isinstance(entry.event, Bar) and order_of(entry.position.offset) <= order_of(position.offset)
    ]
    if not told:
        return ()
    newest_ms = max(bar.open_time_ms for bar in told)
    bars = {bar.open_time_ms: bar for bar in stored if bar.open_time_ms < newest_ms}
    for bar in told:
        known = bars.get(bar.open_time_ms)
        if known is None or not known.final or (bar.final and bar.revision >= known.revision):
            bars[bar.open_time_ms] = bar
    return tuple(bars[open_ms] for open_ms in sorted(bars)[-count:])
