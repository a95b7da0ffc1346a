"""Every way in which people's files write a time."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.csv_times import read_csv_time_ms

FIVE_MS = 1_704_085_200_000  # 2024-01-01 05:00 UTC
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "1704085200",
        "1704085200.0",
        "1.7040852E9",
        "1704085200000",
        "1704085200000.0",
        "1704085200000000",
        "1704085200000000000",
        " 1704085200 ",
        "2024-01-01 05:00",
        "2024-01-01 5:00",
        "2024-01-01T05:00",
        "2024-01-01 05:00:00",
        "2024-01-01 05:00:00.000",
        "2024-01-01T05:00:00.000000000Z",
        "2024-01-01 05:00:00+00:00",
        "2024-01-01 05:00:00 UTC",
        "2024-01-01 05:00 gmt",
        "2024-01-01T06:30:00+01:30",
        "2024-01-01T00:00:00-0500",
        "2024/01/01 05:00",
        "2024/1/1 5:00",
        "2024.01.01 05:00",
        "20240101 05:00",
        "2024-01-01 05-AM",
        "2024-01-01 05 am",
    ],
)
def test_one_time_is_read_however_it_is_written(text: str) -> None:
    assert read_csv_time_ms(text, UTC) == FIVE_MS


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-01-01 12-AM", 0),
        ("2024-01-01 12-PM", 12),
        ("2024-01-01 11-PM", 23),
        ("20240101", 0),
        ("2024-01-01", 0),
    ],
)
def test_halves_of_a_day_and_bare_dates_are_understood(text: str, hour: int) -> None:
    assert read_csv_time_ms(text, UTC) == FIVE_MS + (hour - 5) * 3_600_000


def test_a_date_without_a_zone_is_meant_where_the_file_comes_from() -> None:
    new_york = ZoneInfo("America/New_York")
    assert read_csv_time_ms("2024-01-01 00:00", new_york) == FIVE_MS
    assert read_csv_time_ms("2024-07-01 00:00", new_york) == read_csv_time_ms("2024-07-01 04:00", UTC)
    # What names its zone, and what is counted, means the same everywhere.
    for text in ("2024-01-01 05:00Z", "1704085200"):
        assert read_csv_time_ms(text, new_york) == FIVE_MS


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2023-11-05 01:00", "America/New_York"),
        ("2024-03-31 02:30", "Europe/Berlin"),
    ],
)
def test_an_hour_that_comes_twice_or_never_is_refused(text: str, zone: str) -> None:
    with pytest.raises(ValueError, match=f"{text} comes twice or never in {zone}"):
        read_csv_time_ms(text, ZoneInfo(zone))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "12",
        "-1704085200",
        "nan",
        "inf",
        "1e400",
        "31/12/2023",
        "12/31/2023 05:00",
        "31.12.2023",
        "2024-1",
        "2024-01-01 5",
        "2024-01-01 05:00 EST",
        "2024-01-01 05:00 +01",
        "202401",
        "2024-0101",
        "99999999999",
        "1704085200.00001",
        "today",
        "2024-01-01 05:00:00,",
    ],
)
def test_what_is_no_time_gets_a_sentence_that_says_how_to_write_one(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is no time that can be read: write it like 2024-01-31 05:00"
    ) as caught:
        read_csv_time_ms(text, UTC)
    assert (text.strip() or "an empty field") in str(caught.value)


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2024-13-01", "2024-01-01 25:00", "2024-01-01 05:61", "0000-01-01"]
)
def test_what_is_no_day_of_the_calendar_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="is no date of the calendar"):
        read_csv_time_ms(text, UTC)


zones = st.sampled_from([UTC, ZoneInfo("Asia/Kolkata"), ZoneInfo("Asia/Tokyo")])


@given(st.integers(100_000_000_000, 4_102_444_799_999))
def test_every_millisecond_reads_the_same_in_every_unit(time_ms: int) -> None:
    texts = [str(time_ms * unit) for unit in (1, 1_000, 1_000_000)]
    assert [read_csv_time_ms(text, UTC) for text in texts] == [time_ms] * 3


@pytest.mark.parametrize("text", ["1704085200000000001", "1704085200000001", "1704085200123456789"])
def test_what_is_finer_than_a_millisecond_is_no_time_of_a_bar(text: str) -> None:
    with pytest.raises(ValueError, match="is no time that can be read"):
        read_csv_time_ms(text, UTC)


@given(st.integers(100_000_000, 4_102_444_799), zones)
def test_every_second_reads_the_same_in_every_unit_and_as_a_date(second: int, zone: tzinfo) -> None:
    texts = [str(second * unit) for unit in (1, 1_000, 1_000_000)]
    texts.append((EPOCH + timedelta(seconds=second)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"))
    read = {read_csv_time_ms(text, zone) for text in texts if len(text) != 8}
    assert read == {second * 1_000}
