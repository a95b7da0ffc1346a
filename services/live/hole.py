"""What closed since a topic was last fed: how far back to read, and whether its log can go on; pure."""

from dataclasses import dataclass

from services.live.folding import BARS_KEPT
from utils.domain import Span, Timeframe

# A hole longer than this, with the bar that runs, is left to history, and the log begins anew: it vouches for
# what it holds.
HOLE_BARS_MAX = 500
# As many as the fold of trades keeps: no older bar can still be waiting for its close.
OVERLAP_BARS = BARS_KEPT


@dataclass(frozen=True, slots=True)
class Hole:
    """Say what to read; ``whole`` when the log has no gap once that is told."""

    span: Span
    whole: bool


def find_hole(
    timeframe: Timeframe,
    now_ms: int,
    *,
    newest_final_ms: int | None,
    oldest_logged_ms: int | None,
    fed_until_ms: int | None = None,
    begins: bool = False,
) -> Hole:
    """Return the hole between what the log says and now, from the opens of bars that it holds.

    Where nobody trades there are no bars: ``fed_until_ms`` is up to when that was seen, None when unknown.
    A session that ``begins`` reads all that the log vouches for: nobody knows which closes the one before it
    still waited for.
    """
    last_ms, end_ms = timeframe.shift(now_ms, -1), timeframe.next(now_ms)
    first_ms = timeframe.shift(now_ms, 1 - HOLE_BARS_MAX)
    if oldest_logged_ms is None:
        return Hole(Span(last_ms, end_ms), whole=True)
    # Without a close, the session that told of the first bar died before it could close it.
    told_until_ms = oldest_logged_ms if newest_final_ms is None else newest_final_ms
    if max(told_until_ms, fed_until_ms or 0) < first_ms:
        return Hole(Span(last_ms, end_ms), whole=False)
    # A little further back than the newest close: a session may have died before an older bar's close was
    # confirmed. What the log says already is not said again.
    overlap_ms = oldest_logged_ms if begins else timeframe.shift(told_until_ms, -OVERLAP_BARS)
    start_ms = max(overlap_ms, oldest_logged_ms, first_ms)
    return Hole(Span(min(start_ms, last_ms), end_ms), whole=True)
