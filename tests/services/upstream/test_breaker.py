"""A silent exchange is left alone, and asked by one at a time until it answers."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.upstream.breaker import FAILURES_MAX, FAILURES_WITHIN_S, OPEN_MAX_S, OPEN_MIN_S, Breaker
from tests.services.upstream.conftest import HandSteady
from utils.errors import (
    NotFound,
    UpstreamBusy,
    UpstreamDown,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)

LEFT_S = 1.0
DOWN = UpstreamDown("The exchange is away. Try again.")
SILENT = UpstreamTimeout("The exchange is silent. Try again.")


@pytest.fixture
def breaker(steady: HandSteady) -> Breaker:
    return Breaker("bitstamp", left_s=LEFT_S, steady_s=steady)


def ask(breaker: Breaker, outcome: BaseException | None = None) -> bool:
    """Put a question that ends so, and return whether it was put."""
    put = False
    # The breaker's own refusal is an UpstreamDown as well.
    with contextlib.suppress(UpstreamDown, *([] if outcome is None else [type(outcome)])), breaker.call():
        put = True
        if outcome is not None:
            raise outcome
    return put


def open_it(breaker: Breaker) -> None:
    assert [ask(breaker, DOWN) for _ in range(FAILURES_MAX)] == [True] * FAILURES_MAX
    assert not breaker.closed


def test_five_failures_in_a_row_open_it(breaker: Breaker) -> None:
    for failure in (DOWN, SILENT, DOWN, SILENT):
        ask(breaker, failure)
        assert breaker.closed
    ask(breaker, DOWN)
    with pytest.raises(UpstreamDown, match=r"not been answering\. Try again in 5 seconds") as told:
        breaker.check()
    assert told.value.retry_after_s == OPEN_MIN_S
    assert not ask(breaker)


@pytest.mark.parametrize(
    "answer", [None, NotFound("No such symbol."), UpstreamGarbage("No market data.")], ids=str
)
def test_an_answer_of_any_kind_begins_the_count_anew(breaker: Breaker, answer: Exception | None) -> None:
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            ask(breaker, DOWN)
        ask(breaker, answer)
    assert breaker.closed


@pytest.mark.parametrize(
    "refusal", [UpstreamLimited("Wait."), UpstreamBusy("Wait."), KeyError("a fault of ours")], ids=repr
)
def test_a_refusal_says_nothing_about_silence(breaker: Breaker, refusal: Exception) -> None:
    for _ in range(FAILURES_MAX - 1):
        ask(breaker, DOWN)
    for _ in range(FAILURES_MAX):
        ask(breaker, refusal)
    assert breaker.closed
    ask(breaker, DOWN)
    assert not breaker.closed


def test_failures_far_apart_do_not_add_up(breaker: Breaker, steady: HandSteady) -> None:
    for _ in range(3 * FAILURES_MAX):
        ask(breaker, DOWN)
        steady.now_s += FAILURES_WITHIN_S + 0.1
    assert breaker.closed


def test_an_exchange_that_hangs_is_found_out_by_one_who_asks_again_and_again(
    breaker: Breaker, steady: HandSteady
) -> None:
    for _ in range(FAILURES_MAX):
        steady.now_s += 4.0
        ask(breaker, SILENT)
    assert not breaker.closed


def test_a_caller_who_waited_and_left_counts_as_unanswered_and_a_hasty_one_does_not(
    breaker: Breaker, steady: HandSteady
) -> None:
    for patience_s, closed in ((LEFT_S - 0.1, True), (LEFT_S, False)):
        for _ in range(FAILURES_MAX):
            with contextlib.suppress(asyncio.CancelledError), breaker.call():
                steady.now_s += patience_s
                raise asyncio.CancelledError
        assert breaker.closed is closed


def test_when_the_time_is_over_exactly_one_asks(breaker: Breaker, steady: HandSteady) -> None:
    open_it(breaker)
    steady.now_s += OPEN_MIN_S - 0.01
    assert not ask(breaker)
    steady.now_s += 0.01
    with breaker.call():
        assert [ask(breaker) for _ in range(100)] == [False] * 100
    assert breaker.closed
    assert ask(breaker)


def test_a_failed_trial_opens_it_for_twice_as_long_up_to_a_minute(
    breaker: Breaker, steady: HandSteady
) -> None:
    open_it(breaker)
    for expected_s in (5.0, 10.0, 20.0, 40.0, 60.0, 60.0):
        with pytest.raises(UpstreamDown) as told:
            breaker.check()
        assert told.value.retry_after_s == expected_s
        steady.now_s += expected_s
        assert ask(breaker, DOWN)
    steady.now_s += OPEN_MAX_S
    assert ask(breaker)
    open_it(breaker)
    with pytest.raises(UpstreamDown) as told:
        breaker.check()
    assert told.value.retry_after_s == OPEN_MIN_S


@pytest.mark.parametrize("end", [asyncio.CancelledError(), UpstreamLimited("Wait."), KeyError("ours")])
def test_a_trial_that_tells_nothing_is_left_to_the_next(
    breaker: Breaker, steady: HandSteady, end: BaseException
) -> None:
    open_it(breaker)
    steady.now_s += OPEN_MIN_S
    assert ask(breaker, end)
    assert not breaker.closed
    assert ask(breaker)
    assert breaker.closed


def test_what_was_asked_before_it_opened_decides_nothing_afterwards(
    breaker: Breaker, steady: HandSteady
) -> None:
    with contextlib.suppress(UpstreamDown), breaker.call():
        with breaker.call():
            open_it(breaker)
        # The answer to the inner one came too late to close it ...
        assert not breaker.closed
        steady.now_s += OPEN_MIN_S - 1
        raise DOWN
    # ... and the failure of the outer one too late to keep it open for longer.
    steady.now_s += 1
    assert ask(breaker)


steps = st.lists(
    st.tuples(st.sampled_from([None, DOWN, SILENT, KeyError("ours")]), st.floats(0, 30)), max_size=60
)


@given(steps)
def test_no_silent_exchange_is_asked_more_than_five_times_and_then_once_a_period(
    steps: list[tuple[BaseException | None, float]],
) -> None:
    steady = HandSteady()
    breaker = Breaker("bitstamp", left_s=LEFT_S, steady_s=steady)
    in_a_row, failed_s, quiet_until_s = 0, 0.0, 0.0
    for outcome, pause_s in steps:
        put = ask(breaker, outcome)
        assert put is (steady.now_s >= quiet_until_s)
        if put and outcome is None:
            in_a_row = 0
        elif put and outcome in (DOWN, SILENT):
            forgotten = in_a_row < FAILURES_MAX and steady.now_s - failed_s > FAILURES_WITHIN_S
            in_a_row, failed_s = 1 if forgotten else in_a_row + 1, steady.now_s
            if in_a_row >= FAILURES_MAX:
                quiet_s = OPEN_MIN_S * 2 ** (in_a_row - FAILURES_MAX)
                quiet_until_s = steady.now_s + min(quiet_s, OPEN_MAX_S)
        assert breaker.closed is (in_a_row < FAILURES_MAX)
        steady.now_s += pause_s
