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


@given(st.lists(st.floats(0, 100), max_size=20))
def test_the_wait_always_lies_between_its_bounds(took):
    patience = Patience(5.0)
    for seconds in took:
        patience.note("any", seconds)
    assert WAIT_MIN_S <= patience.wait_s("any") <= 5.0
