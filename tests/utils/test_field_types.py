from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.field_types import (
    LIKELY_SECONDS_BELOW,
    TIME_END_MS,
    check_resolution,
    read_chart_time_ms,
    read_seconds,
    read_time_ms,
)

NOON_MS = 1_795_262_400_000
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("given", "time_ms"),
    [
        (NOON_MS, NOON_MS),
        (str(NOON_MS), NOON_MS),
        ("2026-11-21T12:00:00Z", NOON_MS),
        ("2026-11-21t12:00:00z", NOON_MS),
        ("2026-11-21T12:00Z", NOON_MS),
        ("2026-11-21T13:00:00+01:00", NOON_MS),
        ("2026-11-21T13:00:00 01:00", NOON_MS),  # a plus sign that nobody escaped
        ("2026-11-21T07:00:00-05:00", NOON_MS),
        ("2026-11-21T12:00:00.250Z", NOON_MS + 250),
        ("2026-11-21T12:00:00.000999Z", NOON_MS),
        ("2026-11-21", NOON_MS - 12 * 3_600_000),
        ("1970-01-01", 0),
        ("1971-06-01", 44_582_400_000),
        (0, 0),
        ("0", 0),
        (LIKELY_SECONDS_BELOW, LIKELY_SECONDS_BELOW),
        (TIME_END_MS - 1, TIME_END_MS - 1),
    ],
)
def test_a_time_is_read(given: Any, time_ms: int) -> None:
    assert read_time_ms(given) == time_ms


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("now", "must be a time: milliseconds since 1970, or like 2026-11-21T12:00:00Z."),
        ("", "must be a time"),
        ("2026-11", "must be a time"),
        ("2026-W47-6", "must be a time"),
        ("21.11.2026", "must be a time"),
        ("1e12", "must be a time"),
        ("1_795_262_400_000", "must be a time"),
        (" 1795262400000", "must be a time"),
        ("١٧٩٥٢٦٢٤٠٠٠٠٠", "must be a time"),
        (float(NOON_MS), "must be a time"),
        (True, "must be a time"),
        (None, "must be a time"),
        ([NOON_MS], "must be a time"),
        (1_795_262_400, "must be in milliseconds: 1795262400 looks like seconds. Use 1795262400000."),
        ("1795262400", "looks like seconds. Use 1795262400000."),
        ("20261121", "must be in milliseconds since 1970: 20261121 is too small."),
        (5, "must be in milliseconds since 1970: 5 is too small."),
        (-1, "must lie between the years 1970 and 2100."),
        ("1969-12-31", "must lie between"),
        (TIME_END_MS, "must lie between"),
        ("2100-01-01", "must lie between"),
        ("9" * 18, "must lie between"),
        ("2026-11-21T12:00:00", "needs a time zone: end it with Z, or with an offset like \\+01:00."),
        ("2026-02-30", "is no date of the calendar"),
        ("2026-13-01T00:00Z", "is no date of the calendar"),
        ("2026-11-21T25:00Z", "is no date of the calendar"),
        ("2026-11-21T12:00:60Z", "is no date of the calendar"),
        ("0000-01-01", "is no date of the calendar"),
        ("2026-11-21T12:00:00+99:00", "is no date of the calendar"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(given: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}" if sentence.startswith("m") else sentence):
        read_time_ms(given)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30), timezones=OFFSETS))  # noqa: DTZ001 - hypothesis adds the zone
def test_every_moment_written_with_its_offset_is_that_moment(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert read_time_ms(moment.isoformat()) == expected


@given(st.text() | st.integers() | st.floats() | st.none())
def test_any_value_is_a_time_in_bounds_or_refused(value: Any) -> None:
    try:
        time_ms = read_time_ms(value)
    except ValueError as error:
        time_ms, sentence = 0, str(error)
        assert sentence.endswith(".")
    assert 0 <= time_ms < TIME_END_MS


@pytest.mark.parametrize(
    ("given", "time_ms"),
    [
        (1_795_262_400, NOON_MS),
        ("1795262400", NOON_MS),
        ("-8640000", 0),  # charts ask for times before 1970, and mean all there is
        (99_999_999_999, TIME_END_MS),
        (0, 0),
    ],
)
def test_seconds_of_charts_are_read(given: Any, time_ms: int) -> None:
    assert read_seconds(given) == time_ms
    assert read_chart_time_ms(given) == time_ms


@pytest.mark.parametrize("given", [NOON_MS, str(NOON_MS), "1.5", 1.5, True, "", "now", "٣", None, "1e9"])
def test_what_is_no_time_in_seconds_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^must be"):
        read_seconds(given)


@given(st.integers(LIKELY_SECONDS_BELOW, TIME_END_MS - 1))
def test_milliseconds_and_seconds_of_charts_are_told_apart_by_their_size(time_ms: int) -> None:
    assert read_chart_time_ms(time_ms) == time_ms
    assert read_chart_time_ms(time_ms // 1000) == time_ms // 1000 * 1000
    assert read_chart_time_ms("2026-11-21T12:00:00Z") == NOON_MS


def test_resolutions_are_those_of_charts() -> None:
    for text in ("1S", "1", "60", "1D", "D", "1W", "1M", "12M"):
        assert check_resolution(text) == text
    for text in ("T", "0", "13M", "1x"):
        with pytest.raises(ValueError, match=r"^must be a resolution"):
            check_resolution(text)
