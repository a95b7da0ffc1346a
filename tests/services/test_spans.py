"""Spans against the plainest model there is: the set of the instants they cover."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.spans import clip_spans, merge_spans, subtract_spans
from utils.domain import Span

ticks = st.integers(-3, 24)
# Empty and reversed ones included: nobody has to check before asking.
any_span = st.builds(Span, ticks, ticks)
any_spans = st.lists(any_span, max_size=8)


def instants(*spans: Span) -> set[int]:
    return {time_ms for span in spans for time_ms in range(span.start_ms, span.end_ms)}


def assert_tidy(spans: list[Span]) -> None:
    """Assert that spans are what the module promises: not empty, sorted, disjoint, never touching."""
    assert all(span.start_ms < span.end_ms for span in spans)
    assert all(left.end_ms < right.start_ms for left, right in pairwise(spans))


@given(any_spans)
def test_merging_keeps_every_instant_and_tidies(spans: list[Span]) -> None:
    merged = merge_spans(spans)
    assert instants(*merged) == instants(*spans)
    assert_tidy(merged)


@given(any_spans, st.randoms(use_true_random=False))
def test_the_order_given_does_not_matter_and_merging_twice_is_merging_once(
    spans: list[Span], shuffler: Random
) -> None:
    merged = merge_spans(spans)
    shuffled = list(spans)
    shuffler.shuffle(shuffled)
    assert merge_spans(shuffled) == merged == merge_spans(merged)


@given(any_span, any_spans)
def test_subtracting_leaves_what_is_in_the_whole_and_nowhere_else(whole: Span, known: list[Span]) -> None:
    missing = subtract_spans(whole, known)
    assert instants(*missing) == instants(whole) - instants(*known)
    assert_tidy(missing)


@given(any_span, any_spans)
def test_clipping_leaves_what_is_in_both(within: Span, spans: list[Span]) -> None:
    clipped = clip_spans(spans, within)
    assert instants(*clipped) == instants(within) & instants(*spans)
    assert_tidy(clipped)


@given(any_span, any_spans)
def test_what_is_clipped_and_what_is_left_make_up_the_whole(whole: Span, known: list[Span]) -> None:
    parts = clip_spans(known, whole) + subtract_spans(whole, known)
    assert sum(part.end_ms - part.start_ms for part in parts) == max(0, whole.end_ms - whole.start_ms)
    assert instants(*parts) == instants(whole)


def test_touching_spans_join_and_a_hole_of_one_instant_stays() -> None:
    assert merge_spans([Span(5, 9), Span(0, 5)]) == [Span(0, 9)]
    assert merge_spans([Span(0, 5), Span(6, 9)]) == [Span(0, 5), Span(6, 9)]
    assert subtract_spans(Span(0, 9), [Span(0, 5), Span(6, 9)]) == [Span(5, 6)]
