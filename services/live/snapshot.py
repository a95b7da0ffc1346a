"""The newest bars of a topic as its log had told them at a position; pure."""

from collections.abc import Iterable, Sequence

from services.live.log import LogEntry, Position, order_of
from utils.domain import Bar


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
