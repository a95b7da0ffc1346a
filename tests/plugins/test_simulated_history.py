"""Bars of the simulated market are the exact fold of its trades."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.simulated import TIMEFRAMES
from plugins.simulated_history import (
    BarRow,
    SimulatedHistory,
    fold,
    rows,
    trades_of,
)
from plugins.simulated_instruments import INSTRUMENTS
from plugins.simulated_path import ORIGIN_MS, SimulatedPath
from utils.domain import SECOND_MS, Timeframe, Trade

DAY_S = 86_400
lengths_s = [timeframe.approximate_ms // SECOND_MS for timeframe in TIMEFRAMES]
paths = st.sampled_from([SimulatedPath(seed, instrument) for seed in (1, 7) for instrument in INSTRUMENTS])
starts_s = st.integers(0, 1_500 * DAY_S)


def folded_by_hand(trades: tuple[Trade, ...], timeframe: Timeframe) -> list[BarRow]:
    bars: dict[int, list[Trade]] = {}
    for trade in trades:
        bars.setdefault(timeframe.floor(trade.time_ms), []).append(trade)
    return [
        (
            open_ms,
            inside[0].price,
            max(trade.price for trade in inside),
            min(trade.price for trade in inside),
            inside[-1].price,
            sum(trade.amount for trade in inside),
        )
        for open_ms, inside in bars.items()
    ]


@given(paths, st.sampled_from(TIMEFRAMES), starts_s, st.integers(1, DAY_S))
@settings(max_examples=25)
def test_bars_equal_the_fold_of_the_trades_to_the_last_digit(
    path: SimulatedPath, timeframe: Timeframe, start_s: int, length_s: int
) -> None:
    bar_s = timeframe.approximate_ms // SECOND_MS
    first_s = start_s // bar_s * bar_s
    trades = trades_of(path.trades(first_s, first_s + length_s - 1), path.instrument)
    bars = SimulatedHistory().bars(path, bar_s, first_s, first_s + length_s - 1)
    assert list(rows(bars, path.instrument)) == folded_by_hand(trades, timeframe)


@given(paths, st.sampled_from(lengths_s[:-1]), st.integers(0, 1_500), st.integers(1, 3))
@settings(max_examples=20)
def test_coarser_bars_equal_the_fold_of_finer_ones(
    path: SimulatedPath, fine_s: int, day: int, days: int
) -> None:
    history, last_s = SimulatedHistory(), (day + days) * DAY_S - 1
    fine = history.bars(path, fine_s, day * DAY_S, last_s)
    for coarse_s in (length_s for length_s in lengths_s if length_s > fine_s and length_s % fine_s == 0):
        coarse = history.bars(path, coarse_s, day * DAY_S, last_s)
        assert list(rows(fold(fine, coarse_s), path.instrument)) == list(rows(coarse, path.instrument))


@given(paths, st.sampled_from([3_600, 14_400, 86_400]), starts_s, starts_s)
@settings(max_examples=20)
def test_remembered_hours_change_no_bar(path: SimulatedPath, bar_s: int, start_s: int, other_s: int) -> None:
    first_s = start_s // bar_s * bar_s
    used = SimulatedHistory()
    used.bars(path, 3_600, other_s // 3_600 * 3_600, other_s + DAY_S)
    used.bars(path, bar_s, first_s, first_s + 5_000)
    again = used.bars(path, bar_s, first_s, first_s + 90_000)
    anew = SimulatedHistory().bars(path, bar_s, first_s, first_s + 90_000)
    assert list(rows(again, path.instrument)) == list(rows(anew, path.instrument))


@given(paths, st.sampled_from(lengths_s), starts_s)
@settings(max_examples=25)
def test_every_bar_is_sane(path: SimulatedPath, bar_s: int, start_s: int) -> None:
    first_s = start_s // bar_s * bar_s
    bars = list(rows(SimulatedHistory().bars(path, bar_s, first_s, first_s + DAY_S), path.instrument))
    opens_ms = [bar[0] for bar in bars]
    assert opens_ms == sorted(set(opens_ms))
    assert all((open_ms - ORIGIN_MS) // SECOND_MS % bar_s == 0 for open_ms in opens_ms)
    for _, open_, high, low, close, volume in bars:
        assert 0 < low <= min(open_, close) <= max(open_, close) <= high
        assert volume > 0


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.symbol)
def test_prices_and_volumes_print_as_whole_steps(instrument) -> None:
    path = SimulatedPath(1, instrument)
    price_step = Decimal(1) / instrument.ticks_per_unit
    amount_step = Decimal(instrument.amount_step)
    for row in rows(SimulatedHistory().bars(path, 60, 0, 20_000), instrument):
        for price in row[1:5]:
            assert Decimal(repr(price)) % price_step == 0
        assert Decimal(repr(row[5])) % amount_step == 0


def test_a_minute_without_trades_has_no_bar() -> None:
    quiet = next(row for row in INSTRUMENTS if row.symbol == "QUIET/USD")
    path = SimulatedPath(1, quiet)
    bars = SimulatedHistory().bars(path, 60, 0, DAY_S - 1)
    traded = {second // 60 * 60 for second in path.trades(0, DAY_S - 1).open_s.tolist()}
    assert set(bars.open_s.tolist()) == traded
    assert 0 < len(traded) < 700


def test_no_stretch_and_no_time_give_no_bars() -> None:
    path = SimulatedPath(1, INSTRUMENTS[0])
    assert not len(SimulatedHistory().bars(path, 3_600, -7_200, -1).open_s)
    assert not len(SimulatedHistory().bars(path, 60, 600, 599).open_s)
