"""The first bars at or after an instant, from exchanges that look at one window of time for each question.

Bitstamp asked for 1,000 minutes from a year before its first trade says "none", and is right; the bars that
follow are found by looking at longer bars first.
"""

from collections.abc import Awaitable, Callable, Sequence

from plugins.base import BarPage, VenueProfile
from utils.domain import EARLIEST_BAR_MS, Timeframe
from utils.errors import UpstreamTimeout

# Each round passes over a page of the longest bars, some years: enough for all the history there is.
ROUNDS_MAX = 16

# Ask the exchange: timeframe, start, limit.
AskBars = Callable[[Timeframe, int, int], Awaitable[BarPage]]


async def find_first_page(
    ask: AskBars, profile: VenueProfile, timeframe: Timeframe, *, start_ms: int, limit: int
) -> BarPage:
    """Return the first ``limit`` bars at or after ``start_ms``, or fewer of them; none only if none follow.

    Raises: UpstreamTimeout when the stretch without bars is too long to look through.
    """
    cursor_ms, width = start_ms, limit
    for _ in range(ROUNDS_MAX):
        page = await ask(timeframe, cursor_ms, width)
        cursor_ms, width = timeframe.shift(cursor_ms, width), profile.page_bars
        if page.rows or cursor_ms > page.exchange_time_ms:
            return BarPage(asked_rows(page.rows, start_ms, limit), page.exchange_time_ms)
        for rung in _ladder(profile, timeframe):
            overview = await ask(rung, rung.floor(cursor_ms), profile.page_bars)
            opens = [row[0] for row in overview.rows if isinstance(row[0], int)]
            if not opens:
                cursor_ms = rung.shift(cursor_ms, profile.page_bars)
                break
            cursor_ms = max(cursor_ms, min(opens))
        if cursor_ms > page.exchange_time_ms:
            return BarPage((), page.exchange_time_ms)
    raise UpstreamTimeout(
        "There are no prices for many years after this time. Ask for a later time.", retry_after_s=5
    )


def _ladder(profile: VenueProfile, timeframe: Timeframe) -> list[Timeframe]:
    # From the longest timeframe down, each the shortest of which one page covers a bar of the one before.
    longer = [each for each in profile.timeframes if each.approximate_ms > timeframe.approximate_ms]
    rungs = longer[-1:]
    while rungs and profile.page_bars * timeframe.approximate_ms < rungs[-1].approximate_ms:
        covering = (
            each for each in longer if profile.page_bars * each.approximate_ms >= rungs[-1].approximate_ms
        )
        rung = next(covering, rungs[-1])
        if rung == rungs[-1]:
            break
        rungs.append(rung)
    return rungs


def asked_rows(rows: Sequence[Sequence[object]], start_ms: int, limit: int) -> tuple[tuple[object, ...], ...]:
    """Return the rows of the first ``limit`` opens at or after a time; one without a time stays.

    Some exchanges send a bar more, or bars from before. Doubles stay too, and so do times that cannot be: the
    caller judges them.
    """
    opens = {row[0] for row in rows if isinstance(row[0], int) and row[0] >= start_ms}
    last_ms = max(sorted(opens)[:limit], default=start_ms)
    return tuple(
        tuple(row[:6])
        for row in rows
        if not isinstance(row[0], int) or start_ms <= row[0] <= last_ms or row[0] < EARLIEST_BAR_MS
    )
