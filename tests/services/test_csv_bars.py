"""Rows are read with their lines; what cannot be read is told by line, and the rest is not harmed."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import csv_bars
from services.csv_bars import BAD_ROWS_SHOWN, BadRow, BadRows, CsvRows, read_csv_rows
from utils.domain import HOUR_MS
from utils.errors import InvalidRequest

HEADER = "time,open,high,low,close,volume"
FIVE_MS = 1_704_085_200_000  # 2024-01-01 05:00 UTC


def read(text: str) -> tuple[CsvRows, BadRows]:
    bad = BadRows()
    return read_csv_rows(text.splitlines(keepends=True), base="BTC", zone=UTC, bad=bad), bad


def rows_of(text: str) -> list[tuple[object, ...]]:
    rows, bad = read(text)
    assert bad.count == 0, bad.first
    return [rows.row(index) for index in range(len(rows))]


def faults_of(text: str) -> list[tuple[int, str]]:
    return [(row.line, row.fault) for row in read(text)[1].first]


def test_rows_are_read_in_the_order_of_our_own_columns() -> None:
    text = "volume,close,low,high,open,unix\n0.5,11,9,12,10,1704085200\n"
    assert rows_of(text) == [(FIVE_MS, 10.0, 12.0, 9.0, 11.0, 0.5)]


def test_units_are_told_apart_row_by_row() -> None:
    times = ("1704085200", "1704085200000", "1704085200000000", "2024-01-01 05:00", "2024-01-01T06:00+01:00")
    text = "\n".join([HEADER, *(f"{time},10,12,9,11,0.5" for time in times)])
    assert {row[0] for row in rows_of(text)} == {FIVE_MS}


def test_marks_quotes_blank_lines_and_foreign_line_ends_do_no_harm() -> None:
    text = "\ufeff" + f'{HEADER}\r\n\r\n"2024-01-01 05:00"; "10";"12";"9" ;"11";"0.5"\r\n;;;;;\r\n\r\n'
    assert rows_of(text.replace(HEADER, HEADER.replace(",", ";"))) == [(FIVE_MS, 10.0, 12.0, 9.0, 11.0, 0.5)]


def test_a_day_and_a_clock_in_two_columns_are_one_time() -> None:
    text = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>\n2024.01.01\t05:00:00\t10\t12\t9\t11\t1\n"
    assert rows_of(text)[0][0] == FIVE_MS


def test_every_digit_survives() -> None:
    text = f"{HEADER}\n2024-01-01 05:00,0.30000000000000004,1e15,1e-12,67123.45,123456789.12345678\n"
    assert rows_of(text) == [(FIVE_MS, 0.1 + 0.2, 1e15, 1e-12, 67123.45, 123456789.12345678)]


def test_columns_nobody_asked_for_may_be_missing_at_the_end_of_no_row() -> None:
    text = f"{HEADER},note\n2024-01-01 05:00,10,12,9,11,1,quiet\n2024-01-01 06:00,10,12,9,11,1\n"
    assert faults_of(text) == [(3, "has 6 fields where the first line names 7")]


def test_a_row_that_is_too_long_is_not_read_as_another_number() -> None:
    line = "2024-01-01 05:00,10,12,9,11,1"
    fault = "has 7 fields where the first line names 6: perhaps there are separators between thousands"
    assert faults_of(f"{HEADER}\n{line},234\n") == [(2, fault)]
    # Some programs end each line with a separator.
    assert len(rows_of(f"{HEADER}\n{line},\n{line}, ,\n")) == 2


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ('"42,000.5"', "open is 42,000.5: write numbers with a point for decimals and without separators"),
        ('"42000,5"', "open is 42000,5: write numbers with a point for decimals and without separators"),
        ("42_000", "open is 42_000: write numbers with a point for decimals and without separators"),
        ("42 000", "open is 42 000, which is no number"),
        ("$42000", "open is $42000, which is no number"),
        ("", "open is empty, which is no number"),
        ("12.3K", "open is 12.3K, which is no number"),
        ("0x10", "open is 0x10, which is no number"),
        ("null", "open is null, which is no number"),
    ],
)
def test_what_is_no_plain_number_is_told_with_its_line_and_column(field: str, fault: str) -> None:
    text = f"{HEADER}\n2024-01-01 05:00,10,12,9,11,1\n2024-01-01 06:00,{field},12,9,11,1\n"
    ((line, told),) = faults_of(text)
    assert line == 3
    assert told.startswith(fault)


def test_a_time_that_cannot_be_read_is_told_with_its_line() -> None:
    ((line, fault),) = faults_of(f"# remark\n{HEADER}\n31/12/2023,10,12,9,11,1\n")
    assert line == 3
    assert fault.startswith("31/12/2023 is no time that can be read")


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    rows, bad = read(f"# remark\n{HEADER}\n\n2024-01-01 05:00,10,12,9,11,1\n\nx,,,,,\n")
    assert list(rows.lines) == [4]
    assert [row.line for row in bad.first] == [6]


def test_a_quotation_mark_left_open_does_not_swallow_the_rest_of_the_file() -> None:
    line = "2024-01-01 05:00,10,12,9,11,1\n"
    for rest in (line * 3, "", '2024-01-01 05:00,10,12,9,11,"1"\n'):
        text = f'{HEADER}\n{line}2024-01-01 05:00,10,12,9,11,"1\n{line}{rest}'
        with pytest.raises(InvalidRequest, match="Line 3 opens a quotation mark and does not close it"):
            read(text)


def test_bad_rows_do_not_take_good_ones_with_them() -> None:
    rows, bad = read(f"{HEADER}\n2024-01-01 05:00,10,12,9,11,1\nnonsense\n2024-01-01 07:00,10,12,9,11,1\n")
    assert list(rows.open_ms) == [FIVE_MS, FIVE_MS + 2 * HOUR_MS]
    assert bad.count == 1


def test_only_the_first_bad_rows_are_kept_and_all_are_counted() -> None:
    bad = BadRows()
    for line in range(500, 0, -1):
        bad.add(line, "is bad")
    assert bad.count == 500
    assert bad.first == [BadRow(line, "is bad") for line in range(1, BAD_ROWS_SHOWN + 1)]


@given(st.lists(st.integers(0, 5), max_size=12))
def test_rows_come_by_time_whatever_the_order_of_the_file(hours: list[int]) -> None:
    lines = [f"{1_704_085_200 + hour * 3_600},10,12,9,11,1" for hour in hours]
    rows, _ = read("\n".join([HEADER, *lines]))
    order = list(rows.by_time())
    assert [rows.open_ms[index] for index in order] == sorted(rows.open_ms)
    assert sorted(order) == list(range(len(hours)))


def test_a_file_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_bars, "ROWS_MAX", 3)
    line = "2024-01-01 05:00,10,12,9,11,1\n"
    assert len(read(f"{HEADER}\n{line * 3}")[0]) == 3
    with pytest.raises(InvalidRequest, match=r"more than 3 rows\. Split it"):
        read(f"{HEADER}\n{line * 4}")


def test_what_is_no_csv_at_all_is_told_with_its_line() -> None:
    with pytest.raises(
        InvalidRequest, match="Line 2 is no line of a CSV file: field larger than field limit"
    ):
        read(f"{HEADER}\n{'9' * 200_000}\n")
