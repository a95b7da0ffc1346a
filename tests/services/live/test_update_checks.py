"""What an exchange streams is believed where it can be: a trade in other units moves no clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.live.update_checks import AHEAD_MAX_MS, TRADE_AGE_MAX_MS, check_update
from utils.domain import DAY_MS, MINUTE_MS, Bar, BarState, Timeframe, Trade

MINUTE = Timeframe.parse("1m")
NOW_MS = 20_000 * DAY_MS + 12_345
GOOD = Trade("7", NOW_MS - 1_000, 100.0, 2.0)


def bar_at(open_ms: int, low: float = 99.0) -> Bar:
    return Bar(open_ms, 100.0, 101.0, low, 100.5, 3.0, BarState.FORMING)


@pytest.mark.parametrize("time_ms", [NOW_MS * 1_000, NOW_MS + AHEAD_MAX_MS + 1])
def test_a_time_that_has_not_come_is_refused_and_nobody_is_asked_about_it(time_ms: int) -> None:
    ahead = Trade("8", time_ms, 100.0, 2.0)
    checked = check_update([GOOD, ahead, bar_at(MINUTE.ceil(time_ms))], MINUTE, NOW_MS)
    assert checked.believed == (GOOD,)
    assert checked.doubtful_ms == ()
    assert len(checked.faults) == 2


@pytest.mark.parametrize("time_ms", [NOW_MS // 1_000, NOW_MS - TRADE_AGE_MAX_MS - 1, 0])
def test_trades_of_long_ago_are_left_out_without_a_word(time_ms: int) -> None:
    checked = check_update([Trade("6", time_ms, 100.0, 2.0), GOOD], MINUTE, NOW_MS)
    assert (checked.believed, checked.doubtful_ms, checked.faults) == ((GOOD,), (), ())


@pytest.mark.parametrize(
    ("price", "amount"),
    [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (0.0, 1.0), (-3.0, 1.0), (1.0, -1.0)],
)
def test_of_a_trade_that_cannot_be_read_the_exchange_is_asked(price: float, amount: float) -> None:
    checked = check_update([Trade("8", NOW_MS - 90_000, price, amount), GOOD], MINUTE, NOW_MS)
    assert checked.believed == (GOOD,)
    assert checked.doubtful_ms == (MINUTE.floor(NOW_MS - 90_000),)
    assert len(checked.faults) == 1


def test_of_a_bar_that_cannot_be_read_the_exchange_is_asked() -> None:
    running_ms = MINUTE.floor(NOW_MS)
    checked = check_update([bar_at(running_ms, low=-1.0), bar_at(running_ms + 1)], MINUTE, NOW_MS)
    assert checked.believed == ()
    assert checked.doubtful_ms == (running_ms, running_ms)


@given(
    st.lists(
        st.builds(
            Trade,
            st.just(""),
            st.integers(NOW_MS - TRADE_AGE_MAX_MS, NOW_MS + AHEAD_MAX_MS),
            st.floats(1e-12, 1e12),
            st.floats(0, 1e15),
        )
    )
)
def test_what_can_be_true_is_believed_in_its_order(trades: list[Trade]) -> None:
    checked = check_update(trades, MINUTE, NOW_MS)
    assert (checked.believed, checked.doubtful_ms, checked.faults) == (tuple(trades), (), ())


def test_a_bar_of_a_coarse_timeframe_may_have_opened_long_ago() -> None:
    month = Timeframe.parse("1M")
    running = bar_at(month.floor(NOW_MS))
    assert NOW_MS - running.open_time_ms > 2 * DAY_MS > MINUTE_MS
    assert check_update([running], month, NOW_MS).believed == (running,)
