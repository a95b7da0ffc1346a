"""Holes in history: each instant without a bar has exactly one reason, and the right one."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.gaps import Knowledge, find_gaps
from utils.domain import SECOND_MS, Bar, BarState, Gap, GapReason, Span, Timeframe

SECOND = Timeframe.parse("1s")
# Every edge in the properties is a multiple of this, so that a step is wholly in a gap or wholly outside.
STEP_MS = 250
STEPS = 48

edges = st.integers(0, STEPS).map(lambda step: step * STEP_MS)
maybe_edge = st.none() | edges
spans = st.tuples(edges, edges).map(lambda pair: Span(min(pair), max(pair)))


def bar_at(open_ms: int) -> Bar:
    return Bar(open_ms, 1.0, 1.0, 1.0, 1.0, 0.0, BarState.CLOSED)


bars = st.sets(st.integers(0, STEPS // 4 - 1)).map(
    lambda seconds: tuple(bar_at(second * SECOND_MS) for second in sorted(seconds))
)
knowledge = st.builds(
    Knowledge,
    known=st.lists(spans, max_size=4),
    listed_ms=maybe_edge,
    delisted_ms=maybe_edge,
    reach_ms=maybe_edge,
    failed=st.booleans(),
)


def covers(span: Span, time_ms: int) -> bool:
    return span.start_ms <= time_ms < span.end_ms


def reason_at(time_ms: int, known: Knowledge) -> GapReason:
    """Return the reason in the order of what is surest."""
    if known.listed_ms is not None and time_ms < known.listed_ms:
        return GapReason.BEFORE_LISTING
    if known.delisted_ms is not None and time_ms >= known.delisted_ms:
        return GapReason.AFTER_DELISTING
    if any(covers(span, time_ms) for span in known.known):
        return GapReason.NO_TRADES
    if known.reach_ms is not None and time_ms < known.reach_ms:
        return GapReason.RETENTION
    return GapReason.OUTAGE if known.failed else GapReason.UNFETCHED


@given(spans, bars, knowledge)
@example(Span(0, 1_000), (), Knowledge((), listed_ms=750, delisted_ms=250))
def test_every_instant_is_in_a_bar_or_in_exactly_one_gap_with_its_reason(
    whole: Span, present: tuple[Bar, ...], known: Knowledge
) -> None:
    gaps = find_gaps(whole, present, SECOND, known)
    for time_ms in range(whole.start_ms, whole.end_ms, STEP_MS):
        reasons = [gap.reason for gap in gaps if covers(gap.span, time_ms)]
        in_bar = any(bar.open_time_ms <= time_ms < bar.open_time_ms + SECOND_MS for bar in present)
        assert reasons == ([] if in_bar else [reason_at(time_ms, known)])


@given(spans, bars, knowledge)
def test_gaps_are_sorted_inside_the_whole_and_neighbours_differ(
    whole: Span, present: tuple[Bar, ...], known: Knowledge
) -> None:
    gaps = find_gaps(whole, present, SECOND, known)
    assert all(whole.start_ms <= gap.span.start_ms < gap.span.end_ms <= whole.end_ms for gap in gaps)
    for left, right in pairwise(gaps):
        assert left.span.end_ms <= right.span.start_ms
        assert left.span.end_ms < right.span.start_ms or left.reason is not right.reason


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (Knowledge(()), GapReason.UNFETCHED),
        (Knowledge((), failed=True), GapReason.OUTAGE),
        (Knowledge([Span(0, 9_000)]), GapReason.NO_TRADES),
        (Knowledge([Span(0, 9_000)], failed=True), GapReason.NO_TRADES),
        (Knowledge((), listed_ms=9_000), GapReason.BEFORE_LISTING),
        (Knowledge([Span(0, 9_000)], listed_ms=9_000), GapReason.BEFORE_LISTING),
        (Knowledge((), delisted_ms=0), GapReason.AFTER_DELISTING),
        (Knowledge((), reach_ms=9_000), GapReason.RETENTION),
        (Knowledge((), reach_ms=9_000, failed=True), GapReason.RETENTION),
        (Knowledge([Span(0, 9_000)], reach_ms=9_000), GapReason.NO_TRADES),
        (Knowledge((), listed_ms=9_000, reach_ms=9_000), GapReason.BEFORE_LISTING),
    ],
)
def test_the_surest_reason_wins(known: Knowledge, reason: GapReason) -> None:
    assert find_gaps(Span(0, 3_000), (), SECOND, known) == (Gap(Span(0, 3_000), reason),)


def test_one_hole_may_have_several_reasons_one_after_the_other() -> None:
    known = Knowledge([Span(2_000, 4_000)], listed_ms=1_000, delisted_ms=6_000, failed=True)
    gaps = find_gaps(Span(0, 8_000), [bar_at(3_000)], SECOND, known)
    assert [(gap.span.start_ms, gap.span.end_ms, gap.reason.value) for gap in gaps] == [
        (0, 1_000, "before_listing"),
        (1_000, 2_000, "outage"),
        (2_000, 3_000, "no_trades"),
        (4_000, 6_000, "outage"),
        (6_000, 8_000, "after_delisting"),
    ]


def test_a_month_without_a_bar_is_a_gap_of_its_own_length() -> None:
    month = Timeframe.parse("1M")
    january_ms, february_ms, march_ms = (month.shift(1_704_067_200_000, bars) for bars in range(3))
    bars = [bar_at(january_ms), bar_at(march_ms)]
    known = Knowledge([Span(january_ms, month.next(march_ms))])
    (gap,) = find_gaps(Span(january_ms, month.next(march_ms)), bars, month, known)
    assert gap == Gap(Span(february_ms, march_ms), GapReason.NO_TRADES)
