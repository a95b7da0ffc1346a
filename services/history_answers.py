"""What an answer of history says of itself; pure."""

from dataclasses import fields
from typing import Any

from services.gaps import name_holes
from services.history_fetcher import Filled
from services.history_query import HistoryFacts, HistoryQuery, HistoryText, Venue
from services.spans import subtract_spans
from services.stores.history import BarText
from services.stores.series import Series
from utils.domain import Gap, GapReason, Span, Timeframe


def text_answer(query: HistoryQuery, venue: Venue, filled: Filled, text: BarText) -> HistoryText:
    """Return the answer whose bars the database has written, its holes named."""
    past = past_of(query.span(venue.now_ms), query.timeframe, venue)
    if text.first_ms is None or text.last_ms is None:
        holes = [past]
    else:
        after_ms = query.timeframe.next(text.last_ms)
        holes = [Span(past.start_ms, text.first_ms), *text.holes, Span(after_ms, past.end_ms)]
    knowledge = venue.knowledge(filled.series, failed=filled.failure is not None)
    forming = text.last_state is not None and text.last_state.value == "forming"
    facts = facts_about(query, venue, filled, name_holes(holes, knowledge), forming=forming)
    return HistoryText(**fields_of(facts), text=text)


def past_of(whole: Span, timeframe: Timeframe, venue: Venue) -> Span:
    """Return the part of a span in which there are no holes but gaps."""
    # The interval that is still running holds no bar until its first trade; that is no gap.
    return Span(whole.start_ms, max(whole.start_ms, min(whole.end_ms, timeframe.floor(venue.now_ms))))


def facts_about(
    query: HistoryQuery, venue: Venue, filled: Filled, gaps: tuple[Gap, ...], *, forming: bool
) -> HistoryFacts:
    """Return what an answer says of itself."""
    whole = query.span(venue.now_ms)
    failed = filled.failure is not None
    past = whole.end_ms <= query.timeframe.floor(venue.now_ms)
    may_change = any(_may_change(gap, filled.series) for gap in gaps)
    return HistoryFacts(
        query=query,
        spec=venue.spec,
        gaps=gaps,
        as_of_ms=_read_ms(filled.series, venue.now_ms) if failed or forming else venue.now_ms,
        stale=failed,
        next_ms=query.next_ms(venue.now_ms),
        settled=past and venue.certain and not failed and not forming and not may_change,
    )


def _may_change(gap: Gap, series: Series) -> bool:
    if gap.reason is GapReason.NO_TRADES:
        return bool(subtract_spans(gap.span, series.proven))
    return gap.reason in (GapReason.UNFETCHED, GapReason.OUTAGE)


def _read_ms(series: Series, now_ms: int) -> int:
    # Closed bars may have come in, by the live feed or by older questions, without the newest being read.
    known_ms = [series.known[-1].end_ms] if series.known else []
    checked_ms = [series.checked_ms] if series.checked_ms is not None else []
    return min(max((*known_ms, *checked_ms), default=now_ms), now_ms)


def fields_of(facts: HistoryFacts) -> dict[str, Any]:
    """Return the facts by name, for the answer that is made of them."""
    return {field.name: getattr(facts, field.name) for field in fields(facts)}
