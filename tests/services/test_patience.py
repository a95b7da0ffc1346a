import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.patience import WAIT_MIN_S, Patience


def test_a_stranger_is_waited_for_as_long_as_there_is_time():
    assert Patience(5.0).wait_s("new") == 5.0


def test_an_exchange_that_is_usually_fast_is_not_waited_for_long():
    patience = Patience(5.0)
    patience.note("fast", 0.02)
    assert patience.wait_s("fast") == WAIT_MIN_S
    assert patience.wait_s("other") == 5.0


def test_an_exchange_that_is_usually_slow_is_given_its_time():
    patience = Patience(5.0)
    patience.note("slow", 0.5)
    assert patience.wait_s("slow") == 2.0


def test_many_pages_are_given_the_time_of_many():
    patience = Patience(5.0)
    patience.note("far", 0.8, pages=4)
    assert patience.wait_s("far", pages=3) == pytest.approx(2.4)
    assert patience.wait_s("far", pages=1_000) == 5.0


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 50)), max_size=20), st.integers(1, 50))
def test_the_wait_always_lies_between_its_bounds(took, pages):
    patience = Patience(5.0)
    for seconds, came in took:
        patience.note("any", seconds, pages=came)
    assert WAIT_MIN_S <= patience.wait_s("any", pages=pages) <= 5.0
