"""Timeframes against the calendar of the standard library, and what the other nouns say of themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.domain import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    WEEK_MS,
    Bar,
    BarSource,
    BarState,
    Instrument,
    Timeframe,
    Topic,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
TEXTS = (
    *("1s", "5s", "15s", "45s", "1m", "3m", "5m", "15m", "30m", "45m"),
    *("1h", "2h", "3h", "4h", "5h", "6h", "8h", "12h", "1d", "2d", "3d", "4d", "7d", "14d"),
    *("1w", "2w", "4w", "1M", "2M", "3M", "6M", "12M"),
)
timeframes = st.sampled_from([Timeframe.parse(text) for text in TEXTS])
times_ms = st.integers(0, 4_102_444_799_999)  # 1970 to 2099
months = st.sampled_from([1, 2, 3, 4, 6, 12])


def moment_of(time_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=time_ms)


def ms_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        # ccxt
        ("1s", "1s"),
        ("1m", "1m"),
        ("15m", "15m"),
        ("1h", "1h"),
        ("4h", "4h"),
        ("1d", "1d"),
        ("3d", "3d"),
        ("1w", "1w"),
        ("1M", "1M"),
        ("3M", "3M"),
        # TradingView
        ("1", "1m"),
        ("45", "45m"),
        ("60", "1h"),
        ("240", "4h"),
        ("90", "90m"),
        ("1440", "1d"),
        ("S", "1s"),
        ("30S", "30s"),
        ("60S", "1m"),
        ("1H", "1h"),
        ("D", "1d"),
        ("1D", "1d"),
        ("W", "1w"),
        ("2W", "2w"),
        ("M", "1M"),
        ("12M", "12M"),
        # One value, however it is written; but seven days do not begin on Mondays.
        ("60m", "1h"),
        ("3600s", "1h"),
        ("24h", "1d"),
        ("86400s", "1d"),
        ("7d", "7d"),
    ],
)
def test_a_timeframe_is_read_from_ccxt_and_tradingview(outside: str, inside: str) -> None:
    assert Timeframe.parse(outside).text == inside


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "0", "0m", "00h", "01h", "-1h", "+1h", "1.5h", "1e3", "100000m"),
        *("1 h", " 1h", "1h ", "1h\n", "1hh", "h1", "1h1", "one hour", "hour", "nan", "null"),
        *("1y", "1Y", "1Q", "1T", "1ms", "1μ", "٣m", "１h", "1m\x00"),
        *("13M", "373d", "54w", "8929h", "99999M", "99999d"),
    ],
)
def test_what_is_no_timeframe_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no timeframe"):
        Timeframe.parse(text)


@given(timeframes)
def test_a_timeframe_is_read_back_from_its_own_text(timeframe: Timeframe) -> None:
    assert Timeframe.parse(timeframe.text) == timeframe


@pytest.mark.parametrize(
    ("text", "spoken"),
    [("1m", "1 minute"), ("30s", "30 seconds"), ("4h", "4 hours"), ("1w", "1 week"), ("3M", "3 months")],
)
def test_a_timeframe_can_be_spoken(text: str, spoken: str) -> None:
    assert Timeframe.parse(text).spoken == spoken


@given(timeframes, times_ms)
def test_an_instant_lies_in_its_own_bar(timeframe: Timeframe, time_ms: int) -> None:
    assert timeframe.floor(time_ms) <= time_ms < timeframe.next(time_ms)


@given(timeframes, times_ms)
def test_bars_follow_each_other_without_a_seam(timeframe: Timeframe, time_ms: int) -> None:
    open_ms, next_ms = timeframe.floor(time_ms), timeframe.next(time_ms)
    assert timeframe.floor(open_ms) == open_ms
    assert timeframe.floor(next_ms) == next_ms
    assert timeframe.floor(next_ms - 1) == open_ms
    assert timeframe.next(open_ms) == next_ms


@given(timeframes, times_ms)
def test_ceil_is_the_first_open_that_is_not_earlier(timeframe: Timeframe, time_ms: int) -> None:
    open_ms = timeframe.ceil(time_ms)
    assert open_ms >= time_ms
    assert timeframe.floor(open_ms) == open_ms
    assert timeframe.floor(open_ms - 1) < time_ms


@given(timeframes, times_ms, st.integers(-300, 300), st.integers(-300, 300))
def test_shifts_add_up(timeframe: Timeframe, time_ms: int, one: int, other: int) -> None:
    assert timeframe.shift(time_ms, 0) == timeframe.floor(time_ms)
    assert timeframe.shift(time_ms, 1) == timeframe.next(time_ms)
    assert timeframe.shift(timeframe.shift(time_ms, one), other) == timeframe.shift(time_ms, one + other)


@given(times_ms)
def test_days_and_hours_are_those_of_the_calendar_in_utc(time_ms: int) -> None:
    hour = moment_of(time_ms).replace(minute=0, second=0, microsecond=0)
    assert Timeframe.parse("1h").floor(time_ms) == ms_of(hour)
    assert Timeframe.parse("1d").floor(time_ms) == ms_of(hour.replace(hour=0))


@given(times_ms, st.integers(1, 6))
def test_weeks_start_on_mondays(time_ms: int, count: int) -> None:
    moment = moment_of(time_ms)
    monday = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) - timedelta(moment.weekday())
    assert Timeframe(1, "w").floor(time_ms) == ms_of(monday)
    weeks = (monday - MONDAY).days // 7
    first = MONDAY + timedelta(weeks=weeks // count * count)
    assert Timeframe(count, "w").floor(time_ms) == ms_of(first)
    assert Timeframe(count, "w").next(time_ms) == ms_of(first + timedelta(weeks=count))


@given(times_ms, months)
def test_months_are_those_of_the_calendar(time_ms: int, count: int) -> None:
    moment = moment_of(time_ms)
    month = (moment.month - 1) // count * count + 1
    first = datetime(moment.year, month, 1, tzinfo=UTC)
    following = month + count
    after = datetime(moment.year + (following > 12), (following - 1) % 12 + 1, 1, tzinfo=UTC)
    assert Timeframe(count, "M").floor(time_ms) == ms_of(first)
    assert Timeframe(count, "M").next(time_ms) == ms_of(after)


@pytest.mark.parametrize(
    ("text", "moment", "opened", "following"),
    [
        ("1M", "2024-02-29T23:59:59.999", "2024-02-01", "2024-03-01"),
        ("1M", "2023-02-28T23:59:59.999", "2023-02-01", "2023-03-01"),
        ("1M", "2000-02-29", "2000-02-01", "2000-03-01"),
        ("1M", "2024-12-31T23:59:59", "2024-12-01", "2025-01-01"),
        ("3M", "2024-03-31T12:00", "2024-01-01", "2024-04-01"),
        ("12M", "2024-02-29", "2024-01-01", "2025-01-01"),
        ("1w", "2024-02-29T10:00", "2024-02-26", "2024-03-04"),
        ("1w", "2024-02-25T23:59:59", "2024-02-19", "2024-02-26"),
        ("1w", "2024-02-26", "2024-02-26", "2024-03-04"),
        ("1w", "2025-01-01", "2024-12-30", "2025-01-06"),
        ("1d", "2024-02-29T10:00", "2024-02-29", "2024-03-01"),
        ("1M", "1970-01-01", "1970-01-01", "1970-02-01"),
    ],
)
def test_the_calendar_by_example(text: str, moment: str, opened: str, following: str) -> None:
    timeframe = Timeframe.parse(text)
    time_ms, open_ms, next_ms = (
        ms_of(datetime.fromisoformat(each).replace(tzinfo=UTC)) for each in (moment, opened, following)
    )
    assert timeframe.floor(time_ms) == open_ms
    assert timeframe.next(time_ms) == next_ms


@pytest.mark.parametrize("text", TEXTS)
def test_a_finer_timeframe_divides_when_every_coarser_open_is_one_of_its_own(text: str) -> None:
    finer = Timeframe.parse(text)
    began_ms = ms_of(datetime(2023, 1, 1, tzinfo=UTC))
    for coarser in map(Timeframe.parse, TEXTS):
        opens = (coarser.shift(began_ms, bars) for bars in range(60))
        fills = finer != coarser and all(finer.floor(open_ms) == open_ms for open_ms in opens)
        assert finer.divides(coarser) is fills, coarser


@pytest.mark.parametrize(
    ("finer", "coarser", "divides"),
    [
        ("1m", "1h", True),
        ("1h", "1m", False),
        ("1h", "1h", False),
        ("45m", "1h", False),
        ("5h", "1d", False),
        ("1d", "1w", True),
        ("2d", "1w", False),
        ("7d", "1w", False),
        ("1w", "7d", False),
        ("1w", "2w", True),
        ("4h", "1M", True),
        ("1d", "1M", True),
        ("2d", "1M", False),
        ("1w", "1M", False),
        ("1M", "3M", True),
        ("2M", "3M", False),
        ("1M", "1w", False),
    ],
)
def test_dividing_by_example(finer: str, coarser: str, divides: bool) -> None:  # noqa: FBT001
    assert Timeframe.parse(finer).divides(Timeframe.parse(coarser)) is divides


@pytest.mark.parametrize(
    ("text", "length_ms"),
    [("1s", SECOND_MS), ("15m", 15 * MINUTE_MS), ("4h", 4 * HOUR_MS), ("1w", WEEK_MS), ("1M", 31 * DAY_MS)],
)
def test_lengths_sort_timeframes(text: str, length_ms: int) -> None:
    assert Timeframe.parse(text).approximate_ms == length_ms


def test_instruments_and_topics_have_one_text_each() -> None:
    instrument = Instrument("crypto", "bitstamp", "BTC/USD")
    assert instrument.text == "crypto:bitstamp:BTC/USD"
    assert Topic(instrument, Timeframe.parse("60")).text == "bars:crypto:bitstamp:BTC/USD:1h"


@pytest.mark.parametrize("state", list(BarState))
def test_closing_a_bar_keeps_everything_else(state: BarState) -> None:
    bar = Bar(HOUR_MS, 2.0, 3.0, 1.0, 2.5, 7.0, state, 3, BarSource.TRADES)
    closed = bar.closed()
    assert closed.final
    assert bar.final is (state is not BarState.FORMING)
    assert closed.state is (BarState.CLOSED if state is BarState.FORMING else state)
    assert (closed.values, closed.revision, closed.source) == (bar.values, bar.revision, bar.source)
