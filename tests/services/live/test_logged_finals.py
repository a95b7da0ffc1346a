"""What is remembered of final bars, held to a plain dictionary of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.live.logged_finals import LoggedFinals
from utils.domain import Bar, BarSource, BarState

KEPT = 5
FINAL = Bar(0, -1.0, 2.0, -2.0, 1.5, 10.0, BarState.CLOSED, 0, BarSource.TRADES)

finals = st.builds(
    replace,
    st.just(FINAL),
    open_time_ms=st.integers(-3, 12),
    low=st.sampled_from((-2.0, -3.0)),
    open=st.sampled_from((-1.0, -2.0)),
    state=st.sampled_from((BarState.CLOSED, BarState.CORRECTED)),
    revision=st.integers(0, 1),
    source=st.sampled_from((BarSource.TRADES, BarSource.EXCHANGE)),
)


@given(noted=st.lists(finals, max_size=40), asked=st.lists(finals, max_size=10))
def test_it_says_what_a_dictionary_of_the_newest_bars_says(noted: list[Bar], asked: list[Bar]) -> None:
    remembered, expected = LoggedFinals(KEPT), dict[int, Bar]()
    for bar in noted:
        remembered.note(bar)
        expected[bar.open_time_ms] = bar
        if len(expected) > KEPT:
            del expected[min(expected)]
        assert remembered.newest_ms == max(expected)
        assert remembered.oldest_ms == min(expected)
        assert remembered.is_full == (len(expected) == KEPT)
    for bar in (*noted, *asked):
        assert (bar.open_time_ms in remembered) == (bar.open_time_ms in expected)
        assert remembered.says(bar) == (expected.get(bar.open_time_ms) == bar)


def test_what_was_cleared_is_forgotten() -> None:
    remembered = LoggedFinals(KEPT)
    remembered.note(FINAL)
    remembered.clear()
    assert FINAL.open_time_ms not in remembered
    assert remembered.oldest_ms is None
    assert remembered.newest_ms is None
