"""The timeframe of a chart follows from its span, its points, and what the exchange offers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.derivation import choose_base
from services.history_query import LIMIT_MAX, HistoryQuery
from services.timeframe_choice import STEPS, choose_timeframe
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Instrument, Span, Timeframe
from utils.field_types import TIME_END_MS

NEW_YEAR_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
USUAL = tuple(Timeframe.parse(text) for text in ("1m", "5m", "15m", "30m", "1h", "4h", "1d"))
SPARSE = tuple(Timeframe.parse(text) for text in ("1m", "1d"))
INSTRUMENT = Instrument("crypto", "bitstamp", "BTC/USD")

times_ms = st.integers(0, TIME_END_MS - 2)
offers = st.sets(st.sampled_from([*USUAL, *map(Timeframe.parse, ("1s", "2h", "3d", "1w"))]), min_size=1)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start_ms = draw(times_ms)
    return Span(start_ms, draw(st.integers(start_ms + 1, TIME_END_MS - 1)))


@pytest.mark.parametrize(
    ("offered", "length_ms", "points", "chosen"),
    [
        (USUAL, HOUR_MS, 1_000, "1m"),
        (USUAL, 1_000 * MINUTE_MS, 1_000, "1m"),
        # One bar too many, and no timeframe between.
        (USUAL, 1_000 * MINUTE_MS + 1, 1_000, "5m"),
        (USUAL, 30 * DAY_MS, 1_000, "1h"),
        (USUAL, 1_000 * DAY_MS, 1_000, "1d"),
        # Longer than the exchange reaches: a week is built from its days.
        (USUAL, 1_001 * DAY_MS, 1_000, "1w"),
        (USUAL, 30 * DAY_MS, 10, "1w"),
        (USUAL, 3_650 * DAY_MS, 10, "12M"),
        # Where a minute is too fine and a day leaves two bars, the steps between are built.
        (SPARSE, 2 * DAY_MS, 1_000, "5m"),
        (SPARSE, 20 * DAY_MS, 1_000, "1h"),
    ],
)
def test_the_finest_that_fits_is_chosen(
    offered: tuple[Timeframe, ...], length_ms: int, points: int, chosen: str
) -> None:
    span = Span(NEW_YEAR_MS, NEW_YEAR_MS + length_ms)
    assert choose_timeframe(span, points, offered).timeframe.text == chosen


def test_where_none_fits_the_coarsest_is_whole() -> None:
    choice = choose_timeframe(Span(0, TIME_END_MS - 1), 2, USUAL)
    assert (choice.timeframe.text, choice.limit) == ("12M", LIMIT_MAX)
    # What nothing is built from stays as it is.
    assert choose_timeframe(Span(0, DAY_MS), 2, [Timeframe.parse("7m")]).timeframe.text == "7m"


@given(spans(), st.integers(1, LIMIT_MAX), offers)
def test_no_finer_one_fits_and_no_answer_is_cut(span: Span, points: int, offered: set[Timeframe]) -> None:
    choice = choose_timeframe(span, points, offered)
    built = {step for step in STEPS if choose_base(step, offered) is not None}
    assert choice.timeframe in offered | built
    counts = {each: opens_in(span, each, points) for each in offered | built}
    fitting = [each for each, count in counts.items() if count <= points]
    finest = min(fitting, default=None, key=lambda each: each.approximate_ms)
    if finest is not None:
        assert (choice.timeframe, choice.limit) == (finest, points)
    asked = HistoryQuery(INSTRUMENT, choice.timeframe, span.start_ms, span.end_ms, choice.limit)
    if finest is not None or opens_in(span, choice.timeframe, LIMIT_MAX) <= LIMIT_MAX:
        assert asked.next_ms(TIME_END_MS) is None


def opens_in(span: Span, timeframe: Timeframe, enough: int) -> int:
    """Count the bars that open in a span, one by one; beyond ``enough`` there are simply more."""
    open_ms, count = timeframe.ceil(span.start_ms), 0
    while open_ms < span.end_ms and count <= enough:
        open_ms, count = timeframe.next(open_ms), count + 1
    return count
