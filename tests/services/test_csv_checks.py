"""Rows of files pass the one border for bars; those that do not are told by their lines."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import csv_checks
from services.bar_checks import check_rows
from services.csv_bars import BadRows, CsvRows, read_csv_rows
from services.csv_checks import CsvChecks
from utils.domain import DAY_MS, HOUR_MS, Bar, BarSource, Timeframe
from utils.errors import InvalidRequest

HEADER = "time,open,high,low,close,volume"
HOUR = Timeframe.parse("1h")
FIVE_MS = 1_704_085_200_000  # 2024-01-01 05:00 UTC
NOW_MS = FIVE_MS + 365 * DAY_MS


def line(hour: float, close: str = "11", *, high: str = "12") -> str:
    return f"{round(FIVE_MS + hour * HOUR_MS)},10,{high},9,{close},1"


def checks_of(*lines: str, timeframe: Timeframe = HOUR, now_ms: int = NOW_MS) -> CsvChecks:
    bad = BadRows()
    rows = read_csv_rows([f"{each}\n" for each in (HEADER, *lines)], base="BTC", zone=UTC, bad=bad)
    assert bad.count == 0
    return CsvChecks(rows, rows.by_time(), timeframe, BarSource.EXCHANGE, now_ms)


def checked(checks: CsvChecks) -> tuple[list[Bar], list[tuple[int, str]], int]:
    bad = BadRows()
    bars = [bar for chunk in checks.bars(bad) for bar in chunk]
    return bars, [(row.line, row.fault) for row in bad.first], bad.count


def test_good_rows_are_the_bars_that_an_exchange_would_have_sent() -> None:
    checks = checks_of(line(2), line(0), line(1))
    bars, faults, _ = checked(checks)
    rows = [checks.rows.row(index) for index in range(3)]
    assert tuple(bars) == check_rows(rows, HOUR, exchange_time_ms=NOW_MS, source=BarSource.EXCHANGE).bars
    assert faults == []


def test_each_kind_of_bad_row_is_told_by_its_line_and_in_words() -> None:
    bars, faults, count = checked(
        checks_of(
            line(0),
            line(1.5),
            line(2, high="10.5"),
            line(3, close="nan"),
            line(4, close="-1"),
            line(24 * 400),
            line(5),
        )
    )
    assert [bar.open_time_ms for bar in bars] == [FIVE_MS, FIVE_MS + 5 * HOUR_MS]
    assert count == 5
    assert faults == [
        (3, "the bar at 2024-01-01 06:30 UTC does not lie on the grid of 1h"),
        (4, "the bar at 2024-01-01 07:00 UTC has a high or a low that its open or close contradicts"),
        (5, "the bar at 2024-01-01 08:00 UTC holds something that is no number"),
        (6, "the bar at 2024-01-01 09:00 UTC has a high or a low that its open or close contradicts"),
        (7, "the bar at 2025-02-04 05:00 UTC lies in the future"),
    ]


def test_the_same_row_twice_counts_once() -> None:
    bars, faults, _ = checked(checks_of(line(0), line(1), line(0)))
    assert len(bars) == 2
    assert faults == []


def test_rows_that_disagree_name_each_other() -> None:
    bars, faults, _ = checked(checks_of(line(0), line(1), line(0, "10.5"), line(0)))
    assert [bar.open_time_ms for bar in bars] == [FIVE_MS + HOUR_MS]
    about = "about the bar at 2024-01-01 05:00 UTC"
    assert faults == [
        (2, f"disagrees with line 4 {about}"),
        (4, f"disagrees with line 2 {about}"),
        (5, f"disagrees with line 2 {about}"),
    ]


def test_a_bad_row_beside_a_good_one_of_the_same_time_is_the_only_one_refused() -> None:
    bars, faults, _ = checked(checks_of(line(0), line(0, "99")))
    assert len(bars) == 1
    assert [number for number, _ in faults] == [3]


@pytest.mark.parametrize(
    ("every_h", "timeframe", "length"), [(24, "1h", "1 day"), (1, "1m", "1 hour"), (4, "1h", "4 hours")]
)
def test_bars_of_a_longer_timeframe_are_not_taken_for_shorter_ones(
    every_h: int, timeframe: str, length: str
) -> None:
    checks = checks_of(*(line(place * every_h) for place in range(8)), timeframe=Timeframe.parse(timeframe))
    with pytest.raises(
        InvalidRequest, match=f"The closest rows are {length} apart, so they are no bars of 1"
    ):
        checks.refuse_coarser_rows()


def test_holes_and_short_files_are_no_lie_about_the_timeframe() -> None:
    for hours in ((0, 24, 48, 72, 73, 96, 120, 144), (0, 24, 48)):
        checks_of(*(line(hour) for hour in hours)).refuse_coarser_rows()
    assert checked(checks_of(*(line(hour) for hour in (0, 24, 48))))[2] == 0


def test_a_long_stretch_of_longer_bars_inside_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_checks, "CHUNK_ROWS", 10)
    hours = [*range(10), *(10 + 24 * place for place in range(10))]
    bars, faults, count = checked(checks_of(*(line(hour) for hour in hours)))
    assert len(bars) == 10
    assert count == 10
    assert faults[0] == (12, "bars come every 86400000 ms and are no bars of 1h")


closes = st.sampled_from(["10", "11", "99"])


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2, 2.5, 3]), closes), max_size=14), st.integers(1, 5))
def test_chunks_of_any_size_give_the_same_bars_and_the_same_faults(
    given_rows: list[tuple[float, str]], size: int
) -> None:
    lines = [line(hour, close) for hour, close in given_rows]
    whole = checked(checks_of(*lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_checks, "CHUNK_ROWS", size)
        assert checked(checks_of(*lines)) == whole
    bars, _, count = whole
    good = {(bar.open_time_ms, bar.close) for bar in bars}
    sent = [(round(FIVE_MS + hour * HOUR_MS), float(close)) for hour, close in given_rows]
    assert sum(each not in good for each in sent) == count


def test_no_rows_make_no_bars() -> None:
    checks = CsvChecks(CsvRows(), range(0), HOUR, BarSource.EXCHANGE, NOW_MS)
    checks.refuse_coarser_rows()
    assert checked(checks) == ([], [], 0)


def test_the_clock_of_these_tests_is_what_they_say() -> None:
    assert datetime.fromtimestamp(FIVE_MS / 1_000, UTC).isoformat() == "2024-01-01T05:00:00+00:00"
