"""The trades of the simulated market are a pure function of seed, symbol and second."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.simulated_instruments import INSTRUMENTS
from plugins.simulated_path import BURST_S, YEAR_S, Columns, SimulatedPath

DAY_S = 86_400
WEEK_S = 7 * DAY_S
BY_SYMBOL = {instrument.symbol: instrument for instrument in INSTRUMENTS}
symbols = st.sampled_from(sorted(BY_SYMBOL))
seconds = st.integers(0, 20 * YEAR_S)


def path_of(symbol: str, seed: int = 1) -> SimulatedPath:
    return SimulatedPath(seed, BY_SYMBOL[symbol])


def as_rows(columns: Columns) -> list[tuple[int, int, int]]:
    return list(zip(columns.open_s.tolist(), columns.close.tolist(), columns.lots.tolist(), strict=True))


def minute_closes(symbol: str, weeks: int) -> np.ndarray:
    path = path_of(symbol)
    days = (path.trades(day * DAY_S, (day + 1) * DAY_S - 1) for day in range(weeks * 7))
    return np.concatenate([trades.close[::60] for trades in days])


@given(symbols, seconds, st.lists(st.integers(1, 3_000), min_size=1, max_size=5))
@settings(max_examples=25)
def test_a_stretch_gives_the_same_trades_however_it_is_cut(
    symbol: str, first_s: int, lengths: list[int]
) -> None:
    whole = as_rows(path_of(symbol).trades(first_s, first_s + sum(lengths) - 1))
    path, pieces = path_of(symbol), []
    for length in lengths:
        pieces += as_rows(path.trades(first_s, first_s + length - 1))
        first_s += length
    assert pieces == whole


@given(symbols, seconds, st.integers(0, 2**31), st.integers(0, 2**31))
@settings(max_examples=15)
def test_another_seed_gives_other_trades(symbol: str, first_s: int, seed: int, other: int) -> None:
    trades, others = (
        as_rows(path_of(symbol, each).trades(first_s, first_s + DAY_S)) for each in (seed, other)
    )
    assert (trades == others) is (seed == other)


def test_the_trades_of_seed_one_are_the_same_on_every_machine_and_in_every_release() -> None:
    # Who changes the path changes every recorded expectation: do it knowingly, and say so.
    day = path_of("BTC/USD").trades(1_000 * DAY_S, 1_001 * DAY_S - 1)
    digest = hashlib.sha256(day.close.astype("<i8").tobytes() + day.lots.astype("<i8").tobytes())
    assert as_rows(day)[:3] == PINNED_TRADES
    assert digest.hexdigest() == PINNED_DAY


PINNED_TRADES = [(86400000, 7305334, 5), (86400001, 7305615, 1), (86400002, 7304793, 1)]
PINNED_DAY = "9373495aee1bc20e9c62aee1de5e2f60750e705f47b3ec3a5849904ac500355b"


def test_nothing_trades_before_the_market_opened() -> None:
    assert as_rows(path_of("BTC/USD").trades(-500, -1)) == []
    assert [row[0] for row in as_rows(path_of("BTC/USD").trades(-500, 2))] == [0, 1, 2]


@pytest.mark.parametrize("symbol", sorted(BY_SYMBOL))
def test_prices_are_positive_ticks_near_the_typical_one(symbol: str) -> None:
    typical = BY_SYMBOL[symbol].typical_ticks
    for day in range(0, 3_000, 150):
        ticks = path_of(symbol).trades(day * DAY_S, (day + 1) * DAY_S).close
        assert ticks.dtype == np.int64
        assert typical / 4 < ticks.min() <= ticks.max() < typical * 4


@pytest.mark.parametrize("symbol", ["BTC/USD", "ETH/USD", "EUR/USD", "PEPE/USDT"])
def test_the_price_moves_about_as_much_in_a_year_as_the_instrument_says(symbol: str) -> None:
    hours = minute_closes(symbol, weeks=8)[::60]
    yearly = np.diff(np.log(hours)).std() * (YEAR_S / 3_600) ** 0.5
    assert 0.7 < yearly / BY_SYMBOL[symbol].volatility < 1.5


def test_a_price_jumps_by_more_than_a_percent_some_times_a_week() -> None:
    closes = minute_closes("BTC/USD", weeks=8)
    moves = np.abs(np.diff(np.log(closes)))
    assert 1 < (moves > 0.01).sum() / 8 < 7


def test_amounts_swell_after_a_jump() -> None:
    path = path_of("BTC/USD")
    jump = path._jumps(0, 4 * WEEK_S)[0]
    before = path.trades(jump.onset_s - BURST_S, jump.onset_s - 1).lots.mean()
    after = path.trades(jump.onset_s, jump.onset_s + BURST_S - 1).lots.mean()
    assert after > 2 * before


def test_a_busy_instrument_trades_each_second_and_a_thin_one_falls_silent_for_hours() -> None:
    busy = path_of("SOL/USD").trades(0, DAY_S - 1).open_s
    thin = path_of("QUIET/USD").trades(0, WEEK_S - 1).open_s
    silences_s = np.diff(thin)
    assert len(busy) == DAY_S
    assert (silences_s > 600).sum() > 10
    assert 7_200 < silences_s.max() < DAY_S
    assert 500 < len(thin) < 5_000


@given(symbols, seconds)
@settings(max_examples=20)
def test_every_trade_has_a_positive_amount_of_whole_lots(symbol: str, first_s: int) -> None:
    lots = path_of(symbol).trades(first_s, first_s + 3_600).lots
    assert (lots >= 1).all()
    # The sum of a day stays a whole number that a float holds exactly.
    assert lots.max(initial=1) * DAY_S < 2**53
