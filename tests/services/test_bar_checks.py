"""The border for bars: whatever an exchange sends, what comes out of it can be trusted."""

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.bar_checks import (
    CLOSE_GRACE_MS,
    SPACINGS_PROVE,
    CheckedRows,
    check_bar_values,
    check_rows,
    judge_closed,
)
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Bar, BarSource, BarState, Timeframe

HOUR = Timeframe.parse("1h")
NOW_MS = 1_714_000_000_000 // HOUR_MS * HOUR_MS + 20 * MINUTE_MS
OPEN_MS = HOUR.shift(NOW_MS, -5)
GOOD = (OPEN_MS, 10.0, 12.0, 9.0, 11.0, 3.5)
HUGE = 10**400  # what a JSON reader makes of 400 digits: an int that is no float
timeframes = st.sampled_from([Timeframe.parse(text) for text in ("1m", "1h", "1d", "1w", "1M")])


def checked(*rows: Sequence[object], timeframe: Timeframe = HOUR, now_ms: int = NOW_MS) -> CheckedRows:
    return check_rows(rows, timeframe, exchange_time_ms=now_ms, source=BarSource.EXCHANGE)


def row(**changes: object) -> tuple[object, ...]:
    columns = dict(zip(("open_ms", "open", "high", "low", "close", "volume"), GOOD, strict=True))
    return tuple((columns | changes).values())


def test_a_good_row_becomes_a_forming_bar_of_its_source() -> None:
    result = check_rows([GOOD], HOUR, exchange_time_ms=NOW_MS, source=BarSource.SIMULATED)
    assert result.bars == (Bar(*GOOD, BarState.FORMING, 0, BarSource.SIMULATED),)
    assert result.refused == ()


@pytest.mark.parametrize(
    "good",
    [
        row(open_ms=float(OPEN_MS)),
        row(open=10, high=12, low=9, close=11, volume=0),
        row(open=10.0, high=10.0, low=10.0, close=10.0),
        row(open=1e-8, high=1e-8, low=1e-8, close=1e-8),
        (*GOOD, "an exchange may send more columns", None),
        list(GOOD),
    ],
)
def test_harmless_variations_are_read(good: Sequence[object]) -> None:
    result = checked(good)
    assert result.refused == ()
    (bar,) = result.bars
    assert bar.open_time_ms == OPEN_MS
    assert type(bar.open_time_ms) is int
    assert all(type(value) is float for value in bar.values)


NO_NUMBERS = (
    None,
    "11.0",
    "<html>",
    b"1",
    True,
    False,
    math.nan,
    math.inf,
    -math.inf,
    [],
    {},
    1j,
    Decimal(11),
    HUGE,
    -HUGE,
)


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:8])
def test_a_value_that_is_no_finite_number_is_refused(column: str, value: object) -> None:
    result = checked(row(**{column: value}))
    assert result.bars == ()
    assert result.refused == (f"the bar at {OPEN_MS} holds something that is no number",)


@pytest.mark.parametrize("value", [value for value in NO_NUMBERS if value not in (HUGE, -HUGE)])
def test_a_row_without_a_time_is_refused(value: object) -> None:
    assert checked(row(open_ms=value)).refused == ("a row has no time",)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row(low=0.0), "a price that is not above zero"),
        (row(open=-10.0, low=-10.0), "a price that is not above zero"),
        (row(volume=-0.5), "a volume below zero"),
        (row(high=8.0, low=9.0), "a high or a low that its open or close contradicts"),
        (row(high=10.9), "a high or a low that its open or close contradicts"),
        (row(low=10.1), "a high or a low that its open or close contradicts"),
        (row(open=12.5), "a high or a low that its open or close contradicts"),
        (row(close=8.5), "a high or a low that its open or close contradicts"),
        (row(open_ms=OPEN_MS + 1), "does not lie on the grid of 1h"),
        (row(open_ms=OPEN_MS + 30 * MINUTE_MS), "does not lie on the grid of 1h"),
        (row(open_ms=OPEN_MS + 0.5), "a row has no time"),
        (row(open_ms=HOUR.shift(NOW_MS, 2)), "lies in the future"),
        (row(open_ms=OPEN_MS // 1000), "not in milliseconds"),
        (row(open_ms=OPEN_MS * 1000), "not in milliseconds"),
        (row(open_ms=0), "not in milliseconds"),
        (row(open_ms=-HOUR_MS), "not in milliseconds"),
        (GOOD[:5], "fewer than 6 columns"),
        ((), "fewer than 6 columns"),
        ("012345", "fewer than 6 columns"),
        (b"012345", "fewer than 6 columns"),
        ("<html>Service unavailable</html>", "fewer than 6 columns"),
        (dict.fromkeys(range(6), 1.0), "fewer than 6 columns"),
        ({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, "fewer than 6 columns"),
        (None, "fewer than 6 columns"),
        (5, "fewer than 6 columns"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_row_is_refused_with_a_sentence(bad: Sequence[object], why: str) -> None:
    result = checked(bad, GOOD)
    assert [bar.open_time_ms for bar in result.bars] == [OPEN_MS]
    assert len(result.refused) == 1
    assert why in result.refused[0]


BEYOND_MS = (OPEN_MS // 1000, OPEN_MS * 1000, 0, -DAY_MS, 2**63, float(10**18), HUGE, -HUGE, 10**5000)


@pytest.mark.parametrize("text", ["1s", "1d", "1w", "1M"])
@pytest.mark.parametrize("open_ms", BEYOND_MS, ids=range(len(BEYOND_MS)))
def test_seconds_microseconds_and_worse_are_refused_in_every_timeframe(text: str, open_ms: float) -> None:
    # Seconds often lie on the grid of the shorter timeframes.
    result = checked(row(open_ms=open_ms), timeframe=Timeframe.parse(text))
    assert result.bars == ()
    assert result.refused == ("a row's time is not in milliseconds of the years 1973 to 2100",)


def test_the_bar_that_opens_next_is_read_because_clocks_differ_a_little() -> None:
    assert len(checked(row(open_ms=HOUR.next(NOW_MS))).bars) == 1


def test_bars_of_another_length_than_their_label_are_refused() -> None:
    # Bitstamp's 1w is three days (see plugins/venues.py): two of three do not open on a Monday.
    week = Timeframe.parse("1w")
    monday_ms = week.floor(NOW_MS) - 4 * week.approximate_ms
    rows = [row(open_ms=monday_ms + three_days * 3 * DAY_MS) for three_days in range(6)]
    assert len(checked(*rows, timeframe=week).refused) == 5
    # Days that begin at midnight in UTC+8.
    assert checked(row(open_ms=DAY_MS * 19_000 + 16 * HOUR_MS), timeframe=Timeframe.parse("1d")).refused


def test_bars_with_the_same_hole_after_each_are_bars_of_a_coarser_timeframe() -> None:
    four_hourly = [row(open_ms=OPEN_MS - number * 4 * HOUR_MS) for number in range(SPACINGS_PROVE + 1)]
    lie = checked(*four_hourly)
    assert lie.bars == ()
    assert set(lie.refused) == {"bars come every 14400000 ms and are no bars of 1h"}
    assert len(lie.refused) == SPACINGS_PROVE + 1
    # Few bars prove nothing, and a quiet market leaves holes of many lengths.
    assert checked(*four_hourly[1:]).refused == ()
    assert checked(*four_hourly, row(open_ms=OPEN_MS - HOUR_MS)).refused == ()
    assert checked(*(row(open_ms=OPEN_MS - number * HOUR_MS) for number in range(50))).refused == ()


def five_hourly(*prices: tuple[float, float], volume: float = 3.5) -> list[tuple[object, ...]]:
    return [
        (OPEN_MS - number * 5 * HOUR_MS, low, high, low, high, volume)
        for number, (low, high) in enumerate(prices)
    ]


def test_one_trade_after_the_other_at_even_times_is_a_market_and_no_coarser_timeframe() -> None:
    trades = [(10.0 + number % 3, 10.0 + number % 3) for number in range(SPACINGS_PROVE + 1)]
    believed = checked(*five_hourly(*trades))
    assert believed.refused == ()
    assert len(believed.bars) == SPACINGS_PROVE + 1


@pytest.mark.parametrize(
    "rows",
    [
        # One of them holds more than one price, and so more than one trade.
        five_hourly(*[(10.0 + number, 10.0 + number) for number in range(SPACINGS_PROVE)], (9.0, 9.5)),
        # Nothing was traded: somebody fills holes, with another length than the label's.
        five_hourly(*[(10.0 + number, 10.0 + number) for number in range(SPACINGS_PROVE + 1)], volume=0.0),
        # A price that stands still may be that of any number of trades.
        five_hourly(*[(1.0, 1.0)] * (SPACINGS_PROVE + 1)),
    ],
)
def test_even_times_alone_do_not_make_a_market(rows: list[tuple[object, ...]]) -> None:
    lying = checked(*rows)
    assert lying.bars == ()
    assert len(lying.refused) == len(rows)


def test_equal_doubles_count_once() -> None:
    result = checked(GOOD, GOOD, list(GOOD), row(open=10))
    assert len(result.bars) == 1
    assert result.refused == ()


def test_rows_that_disagree_about_a_bar_are_all_refused_whoever_came_first() -> None:
    other = row(close=11.5)
    beside = row(open_ms=OPEN_MS + HOUR_MS)
    for rows in ((GOOD, other, beside), (other, beside, GOOD), (GOOD, GOOD, other, GOOD, beside)):
        result = checked(*rows)
        assert [bar.open_time_ms for bar in result.bars] == [OPEN_MS + HOUR_MS]
        assert result.refused == (f"two rows disagree about the bar at {OPEN_MS}",)


def test_shuffled_rows_come_out_in_order() -> None:
    rows = [row(open_ms=OPEN_MS - number * HOUR_MS) for number in range(50)]
    Random(7).shuffle(rows)
    result = checked(*rows)
    assert [bar.open_time_ms for bar in result.bars] == sorted(open_ms for open_ms, *_ in rows)


prices = st.floats(1e-9, 1e9)
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([OPEN_MS, OPEN_MS + HOUR_MS, NOW_MS, HUGE, 10**18]),
)
wild_rows = st.one_of(
    anything,
    st.lists(anything, max_size=8),
    st.lists(anything, min_size=6, max_size=6).map(tuple),
    st.dictionaries(st.integers(0, 6), anything, max_size=6),
)


@st.composite
def sound_rows(draw: st.DrawFn, timeframe: Timeframe) -> tuple[object, ...]:
    """Draw a row as an honest exchange would send it."""
    opened, closed, one, other = draw(st.tuples(prices, prices, prices, prices))
    high, low = max(opened, closed, one, other), min(opened, closed, one, other)
    open_ms = timeframe.shift(NOW_MS, -draw(st.integers(-1, 20)))
    return (open_ms, opened, high, low, closed, draw(st.floats(0, 1e12)))


@st.composite
def mixed_rows(draw: st.DrawFn, timeframe: Timeframe) -> list[object]:
    """Draw rows of every kind: sound ones, sound ones with one column spoilt, and wild ones."""
    rows: list[object] = draw(st.lists(sound_rows(timeframe), max_size=6))
    for sound in draw(st.lists(sound_rows(timeframe), max_size=3)):
        spoilt = list(sound)
        spoilt[draw(st.integers(0, 5))] = draw(anything)
        rows.append(spoilt)
    rows += draw(st.lists(wild_rows, max_size=3))
    return draw(st.permutations(rows))


@given(st.data(), timeframes)
def test_whatever_comes_in_only_sound_bars_come_out(data: st.DataObject, timeframe: Timeframe) -> None:
    rows = data.draw(mixed_rows(timeframe))
    result = checked(*rows, timeframe=timeframe)
    for bar in result.bars:
        assert all(type(value) is float and math.isfinite(value) for value in bar.values)
        assert 0 < bar.low <= min(bar.open, bar.close)
        assert max(bar.open, bar.close) <= bar.high
        assert bar.volume >= 0
        assert timeframe.floor(bar.open_time_ms) == bar.open_time_ms
        assert bar.open_time_ms <= timeframe.next(NOW_MS)
        assert (bar.state, bar.revision) == (BarState.FORMING, 0)
        assert (bar.open_time_ms, *bar.values) in [tuple(sent[:6]) for sent in rows if is_row(sent)]
    assert all(left.open_time_ms < right.open_time_ms for left, right in pairwise(result.bars))
    assert len(result.bars) + len(result.refused) <= len(rows)
    assert bool(rows) is bool(result.bars or result.refused)


def is_row(sent: object) -> bool:
    return isinstance(sent, list | tuple) and len(sent) >= 6


@given(st.data(), timeframes)
def test_of_sound_rows_nothing_is_lost(data: st.DataObject, timeframe: Timeframe) -> None:
    rows = data.draw(st.lists(sound_rows(timeframe), max_size=12, unique_by=lambda sound: sound[0]))
    # The same hole after every bar is another matter.
    steps = {right - left for left, right in pairwise(sorted(open_ms for open_ms, *_ in rows))}
    assume(len(rows) <= SPACINGS_PROVE or len(steps) > 1)
    result = checked(*rows, *rows, timeframe=timeframe)
    assert result.refused == ()
    assert [(bar.open_time_ms, *bar.values) for bar in result.bars] == sorted(rows)


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_live_values_are_held_to_the_same_rules(position: int, value: float) -> None:
    values = list(GOOD[1:])
    assert check_bar_values(values) is None
    values[position] = value
    assert check_bar_values(values) == "holds something that is no number"


def bars_at(*opens_ms: int) -> list[Bar]:
    return [Bar(open_ms, 1.0, 1.0, 1.0, 1.0, 0.0, BarState.FORMING) for open_ms in opens_ms]


HEAD_MS = HOUR.floor(NOW_MS)
CLOSE_MS = HOUR.next(HEAD_MS)


@pytest.mark.parametrize(
    ("opens_ms", "exchange_time_ms", "forming_included", "closed"),
    [
        # Time and a grace, to the millisecond.
        ([HEAD_MS], CLOSE_MS - 1, True, [False]),
        ([HEAD_MS], CLOSE_MS, True, [False]),
        ([HEAD_MS], CLOSE_MS + CLOSE_GRACE_MS - 1, True, [False]),
        ([HEAD_MS], CLOSE_MS + CLOSE_GRACE_MS, True, [True]),
        # A successor in the same answer, however short ago it opened, next to the bar or not.
        ([HEAD_MS, CLOSE_MS], CLOSE_MS + 1, True, [True, False]),
        ([HEAD_MS - 9 * HOUR_MS, HEAD_MS], HEAD_MS + 1, True, [True, False]),
        # The exchange's clock may be a little behind its own bars, but not by hours: that is no evidence.
        ([HEAD_MS, CLOSE_MS], CLOSE_MS - CLOSE_GRACE_MS, True, [True, False]),
        ([HEAD_MS, CLOSE_MS], CLOSE_MS - CLOSE_GRACE_MS - 1, True, [False, False]),
        ([HEAD_MS, CLOSE_MS], HEAD_MS + 1, True, [False, False]),
        # An exchange that sends only what has closed.
        ([HEAD_MS], HEAD_MS + 1, False, [True]),
        ([HEAD_MS - HOUR_MS, HEAD_MS], CLOSE_MS, False, [True, True]),
        ([], NOW_MS, True, []),
    ],
)
def test_a_bar_closes_on_evidence(
    *, opens_ms: list[int], exchange_time_ms: int, forming_included: bool, closed: list[bool]
) -> None:
    bars = bars_at(*opens_ms)
    judged = judge_closed(bars, HOUR, exchange_time_ms=exchange_time_ms, forming_included=forming_included)
    assert [bar.final for bar in judged] == closed
    assert [(bar.open_time_ms, bar.values) for bar in judged] == [
        (bar.open_time_ms, bar.values) for bar in bars
    ]


@pytest.mark.parametrize("text", ["1w", "1M"])
def test_weeks_and_months_close_by_the_calendar(text: str) -> None:
    timeframe = Timeframe.parse(text)
    open_ms = timeframe.floor(1_709_200_000_000)  # in February 2024, which had 29 days
    close_ms = timeframe.next(open_ms) + CLOSE_GRACE_MS
    for now_ms, closed in ((close_ms - 1, False), (close_ms, True)):
        (bar,) = judge_closed(bars_at(open_ms), timeframe, exchange_time_ms=now_ms, forming_included=True)
        assert bar.final is closed
