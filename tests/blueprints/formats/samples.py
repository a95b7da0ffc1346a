"""Histories to encode: small ones written by hand, and any that could be."""

import json
from dataclasses import replace

from hypothesis import strategies as st

from services.market_service import History, HistoryQuery, HistoryText
from services.stores.history import BarText
from utils.domain import (
    Bar,
    BarSource,
    BarState,
    Gap,
    GapReason,
    Instrument,
    InstrumentSpec,
    Span,
    Timeframe,
)

BITCOIN = Instrument("crypto", "bitstamp", "BTC/USD")
HOUR = Timeframe(1, "h")
NEW_YEAR_MS = 1_735_689_600_000  # 2025-01-01T00:00Z, a Wednesday
FIRST = Bar(NEW_YEAR_MS, 67123.45, 67200.0, 67100.1, 67150.0, 0.1, BarState.CLOSED)
SECOND = Bar(
    NEW_YEAR_MS + 3_600_000,
    67150.0,
    67150.0,
    66000.0,
    66000.5,
    1e-07,
    BarState.CORRECTED,
    2,
    BarSource.TRADES,
)
THIRD = Bar(
    NEW_YEAR_MS + 4 * 3_600_000,
    66000.5,
    66001.0,
    66000.5,
    66001.0,
    0.0,
    BarState.FORMING,
    0,
    BarSource.DERIVED,
)
SILENCE = Gap(Span(NEW_YEAR_MS + 2 * 3_600_000, NEW_YEAR_MS + 4 * 3_600_000), GapReason.NO_TRADES)

TIMEFRAMES = [Timeframe.parse(text) for text in ("1s", "1m", "1h", "4h", "1d", "1w", "1M", "3M")]


def history_of(
    *bars: Bar,
    gaps: tuple[Gap, ...] = (),
    instrument: Instrument = BITCOIN,
    timeframe: Timeframe = HOUR,
    next_ms: int | None = None,
    limit: int = 500,
) -> History:
    """Return an answer with these bars, read from the exchange at 04:30 on New Year's Day of 2025."""
    return History(
        query=HistoryQuery(instrument, timeframe, start_ms=NEW_YEAR_MS, limit=limit),
        spec=InstrumentSpec(instrument, "Bitcoin against the dollar", "Bitcoin in dollars", price_step=0.01),
        gaps=gaps,
        as_of_ms=NEW_YEAR_MS + 16_200_000,
        stale=False,
        next_ms=next_ms,
        settled=False,
        bars=bars,
    )


def as_text(history: History) -> HistoryText:
    """Return the same answer as the database would have written it."""
    rows = [[bar.open_time_ms, *bar.values] for bar in history.bars]
    opens = [bar.open_time_ms for bar in history.bars]
    text = BarText(
        json=json.dumps(rows, separators=(",", ":")).encode(),
        count=len(rows),
        first_ms=min(opens, default=None),
        last_ms=max(opens, default=None),
        last_state=history.last_bar_state,
        revision=history.revision,
        holes=(),
    )
    return HistoryText(
        query=history.query,
        spec=history.spec,
        gaps=history.gaps,
        as_of_ms=history.as_of_ms,
        stale=history.stale,
        next_ms=history.next_ms,
        settled=history.settled,
        text=text,
    )


SMALL = history_of(FIRST, SECOND, THIRD, gaps=(SILENCE,))
STALE = replace(SMALL, stale=True, next_ms=NEW_YEAR_MS + 18_000_000)

positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
amounts = st.floats(min_value=0, allow_infinity=False)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw an answer whose timeframes are each a bar, or missing for a reason, or a bar not all known."""
    timeframe = draw(st.sampled_from(TIMEFRAMES))
    first_ms = timeframe.floor(draw(st.integers(NEW_YEAR_MS, 2 * NEW_YEAR_MS)))
    reasons = draw(st.lists(st.none() | st.sampled_from(GapReason), max_size=12))
    bars, gaps = [], []
    for number, reason in enumerate(reasons):
        span = Span(timeframe.shift(first_ms, number), timeframe.shift(first_ms, number + 1))
        if reason is not None:
            gaps.append(Gap(span, reason))
        if reason is None or (reason is GapReason.UNFETCHED and draw(st.booleans())):
            bars.append(draw(bars_at(span.start_ms)))
    answer = history_of(*bars, gaps=tuple(gaps), timeframe=timeframe, limit=max(1, len(reasons)))
    return replace(answer, stale=draw(st.booleans()))


@st.composite
def bars_at(draw: st.DrawFn, open_time_ms: int) -> Bar:
    """Draw the bar of one time."""
    return Bar(
        open_time_ms,
        *draw(st.tuples(positive, positive, positive, positive, amounts)),
        draw(st.sampled_from(BarState)),
        draw(st.integers(0, 9)),
        draw(st.sampled_from(BarSource)),
    )
