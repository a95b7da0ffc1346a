"""Trades into bars: the same trades give the same bars, however they arrive."""

import operator
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.live.folding import BARS_KEPT, IDS_KEPT, TradeFolder
from utils.domain import HOUR_MS, MINUTE_MS, Bar, BarSource, BarState, Timeframe, Trade

MINUTE = Timeframe.parse("1m")
BEGAN_MS = 1_714_000_000_000 // HOUR_MS * HOUR_MS

# Prices and amounts as exchanges print them: up to eight decimals.
printed = st.decimals("0.00000001", "99999.99999999", places=8, allow_nan=False, allow_infinity=False)


def trade(number: int, time_ms: int, price: float, amount: float = 1.0) -> Trade:
    return Trade(str(number), BEGAN_MS + time_ms, price, amount)


@st.composite
def numbered_trades(draw: st.DrawFn, minutes: int = 6) -> list[Trade]:
    """Draw trades of a few minutes, numbered upwards as time goes on; several may share a millisecond."""
    times_ms = sorted(
        draw(st.lists(st.integers(0, minutes * MINUTE_MS // 1000 - 1), min_size=1, max_size=30))
    )
    prices = draw(st.lists(printed, min_size=len(times_ms), max_size=len(times_ms)))
    amounts = draw(st.lists(printed, min_size=len(times_ms), max_size=len(times_ms)))
    # Ids of 8, 9, 10, 11: as text they would sort otherwise.
    return [
        trade(number, time_ms * 1000, float(price), float(amount))
        for number, (time_ms, price, amount) in enumerate(
            zip(times_ms, prices, amounts, strict=True), start=8
        )
    ]


def oracle(trades: list[Trade], timeframe: Timeframe = MINUTE) -> list[Bar]:
    """Return the bars of trades that are complete and in order, by exact arithmetic."""
    by_open: dict[int, list[Trade]] = {}
    for each in trades:
        by_open.setdefault(timeframe.floor(each.time_ms), []).append(each)
    return [
        Bar(
            open_ms,
            inside[0].price,
            max(each.price for each in inside),
            min(each.price for each in inside),
            inside[-1].price,
            float(sum(Fraction(repr(each.amount)) for each in inside)),
            BarState.FORMING,
            0,
            BarSource.TRADES,
        )
        for open_ms, inside in sorted(by_open.items())
    ]


def bars_of(folder: TradeFolder, opens_ms: list[int]) -> list[Bar | None]:
    return [folder.bar(open_ms) for open_ms in opens_ms]


@given(numbered_trades(), st.randoms(use_true_random=False), st.integers(1, 7))
def test_any_order_batching_and_repetition_gives_the_same_bars(
    trades: list[Trade], chance: Random, batch_max: int
) -> None:
    sent = trades + [chance.choice(trades) for _ in range(chance.randrange(2 * len(trades)))]
    chance.shuffle(sent)
    folder = TradeFolder(MINUTE)
    while sent:
        size = chance.randint(1, batch_max)
        batch, sent = sent[:size], sent[size:]
        folder.add(batch)
        folder.add(chance.sample(batch, chance.randrange(len(batch) + 1)))
    expected = oracle(trades)
    assert bars_of(folder, [bar.open_time_ms for bar in expected]) == expected
    assert folder.newest_open_ms == expected[-1].open_time_ms


@given(numbered_trades())
def test_the_bars_that_the_given_trades_belong_to_are_told_and_no_other(trades: list[Trade]) -> None:
    folder = TradeFolder(MINUTE)
    for each in trades:
        assert folder.add([each]) == (MINUTE.floor(each.time_ms),)
    opens = tuple(bar.open_time_ms for bar in oracle(trades))
    assert folder.add(trades) == opens
    assert TradeFolder(MINUTE).add(reversed(trades)) == opens


@given(st.lists(printed, min_size=1, max_size=40))
def test_the_volume_is_the_sum_of_the_printed_amounts(amounts: list[Decimal]) -> None:
    folder = TradeFolder(MINUTE)
    folder.add(trade(number, number, 1.0, float(amount)) for number, amount in enumerate(amounts))
    bar = folder.bar(BEGAN_MS)
    assert bar is not None
    assert bar.volume == float(sum(amounts))


def test_a_tenth_ten_times_is_one() -> None:
    folder = TradeFolder(MINUTE)
    folder.add(trade(number, number, 1.0, 0.1) for number in range(10))
    bar = folder.bar(BEGAN_MS)
    assert bar is not None
    assert bar.volume == 1.0
    # Not sum: from Python 3.12 on it makes up for what is lost.
    assert reduce(operator.add, [0.1] * 10) != 1.0


def test_a_late_trade_changes_its_own_bar_and_no_other() -> None:
    folder = TradeFolder(MINUTE)
    folder.add([trade(1, 5_000, 10.0), trade(3, 50_000, 12.0), trade(4, 65_000, 13.0)])
    before = folder.bar(BEGAN_MS + MINUTE_MS)
    assert folder.add([trade(2, 20_000, 99.0, 0.5)]) == (BEGAN_MS,)
    late = folder.bar(BEGAN_MS)
    assert late is not None
    assert late.values == (10.0, 99.0, 10.0, 12.0, 2.5)
    assert folder.bar(BEGAN_MS + MINUTE_MS) == before
    assert folder.newest_open_ms == BEGAN_MS + MINUTE_MS


def test_the_edges_of_a_bar_belong_to_the_right_bars() -> None:
    folder = TradeFolder(MINUTE)
    assert folder.add([trade(1, 59_999, 1.0), trade(2, 60_000, 2.0)]) == (BEGAN_MS, BEGAN_MS + MINUTE_MS)


def test_ids_of_one_millisecond_count_upwards_as_numbers() -> None:
    folder = TradeFolder(MINUTE)
    folder.add([trade(10, 0, 3.0), trade(9, 0, 2.0), trade(11, 0, 4.0), trade(8, 0, 1.0)])
    bar = folder.bar(BEGAN_MS)
    assert bar is not None
    assert (bar.open, bar.close) == (1.0, 4.0)


def test_trades_without_ids_are_taken_in_the_order_received_and_each_time() -> None:
    folder = TradeFolder(MINUTE)
    for price in (1.0, 2.0, 3.0):
        folder.add([Trade("", BEGAN_MS, price, 1.0)])
    folder.add([Trade("", BEGAN_MS, 3.0, 1.0)])
    bar = folder.bar(BEGAN_MS)
    assert bar is not None
    assert bar.values == (1.0, 3.0, 1.0, 3.0, 4.0)


@pytest.mark.parametrize("ids", ["ab", "ba"])
def test_ids_that_are_no_numbers_still_give_one_answer(ids: str) -> None:
    folder = TradeFolder(MINUTE)
    folder.add(Trade(each, BEGAN_MS, float(ord(each)), 1.0) for each in ids)
    bar = folder.bar(BEGAN_MS)
    assert bar is not None
    assert (bar.open, bar.close) == (float(ord("a")), float(ord("b")))


@given(st.permutations(range(BARS_KEPT + 9)), st.integers(1, 9))
def test_only_the_newest_bars_are_kept_whatever_comes_first(minutes: list[int], batch: int) -> None:
    folder = TradeFolder(MINUTE)
    trades = [trade(minute, minute * MINUTE_MS, float(minute + 1)) for minute in minutes]
    for first in range(0, len(trades), batch):
        changed = folder.add(trades[first : first + batch])
        assert all(folder.bar(open_ms) for open_ms in changed)
    # What one call touched is kept until the next.
    folder.add([])
    kept = bars_of(folder, [BEGAN_MS + minute * MINUTE_MS for minute in range(BARS_KEPT + 9)])
    assert [bar is not None for bar in kept] == [False] * 9 + [True] * BARS_KEPT
    assert all(bar.volume == 1.0 for bar in kept if bar)


def test_a_trade_older_than_every_kept_bar_is_left_out() -> None:
    folder = TradeFolder(MINUTE)
    folder.add(trade(minute, minute * MINUTE_MS, 1.0) for minute in range(1, BARS_KEPT + 1))
    assert folder.add([trade(99, 0, 1.0)]) == ()
    assert folder.bar(BEGAN_MS) is None


def test_what_is_remembered_of_ids_is_bounded() -> None:
    folder = TradeFolder(MINUTE)
    folder.add(trade(number, 0, 1.0) for number in range(IDS_KEPT + 10))
    before = folder.bar(BEGAN_MS)
    folder.add([trade(IDS_KEPT + 9, 0, 1.0), trade(10, 0, 1.0)])
    assert folder.bar(BEGAN_MS) == before
    assert len(folder._seen) == IDS_KEPT


@given(
    st.lists(st.integers(0, 3 * BARS_KEPT), min_size=1, max_size=60, unique=True).map(sorted),
    st.integers(1, 9),
)
@example(list(range(BARS_KEPT + 1)), 1)
def test_ids_are_remembered_as_long_as_the_bars_they_are_in(minutes: list[int], batch: int) -> None:
    folder = TradeFolder(MINUTE)
    trades = [trade(number, minutes[number // 2] * MINUTE_MS, 1.0) for number in range(2 * len(minutes))]
    for first in range(0, len(trades), batch):
        folder.add(trades[first : first + batch])
    folder.add([])
    kept = sorted({each.time_ms for each in trades})[-BARS_KEPT:]
    assert list(folder._seen) == [each.id for each in trades if each.time_ms in kept]


def test_a_bar_takes_the_state_it_is_asked_for_and_one_without_trades_is_none() -> None:
    folder = TradeFolder(MINUTE)
    assert folder.newest_open_ms is None
    assert folder.bar(BEGAN_MS) is None
    assert folder.add([]) == ()
    folder.add([trade(1, 0, 1.0)])
    bar = folder.bar(BEGAN_MS, BarState.CLOSED)
    assert bar is not None
    assert (bar.state, bar.source, bar.revision) == (BarState.CLOSED, BarSource.TRADES, 0)


def test_trades_fold_into_weeks_that_begin_on_mondays() -> None:
    week = Timeframe.parse("1w")
    folder = TradeFolder(week)
    (open_ms,) = folder.add([trade(1, 0, 1.0)])
    assert open_ms == week.floor(BEGAN_MS)
