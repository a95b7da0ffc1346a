"""Rows of a CSV file of bars, read into numbers; pure. Whether they are bars is for `services.bar_checks`.

Rows are kept as columns of plain numbers, sixty bytes each, so that years of minutes fit into memory.
"""

import bisect
import csv
import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from services.csv_columns import LINES_ABOVE_MAX, CsvColumns, find_header
from services.csv_times import read_csv_time_ms
from utils.errors import InvalidRequest, shorten

ROWS_MAX = 5_000_000
BAD_ROWS_SHOWN = 20
NUMBERS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, order=True)
class BadRow:
    """Say what is wrong with one line of a file; ``fault`` is a sentence without its full stop."""

    line: int
    fault: str


@dataclass(slots=True)
class BadRows:
    """Count bad rows and keep the first of them, by line."""

    count: int = 0
    first: list[BadRow] = field(default_factory=list)

    def add(self, line: int, fault: str) -> None:
        """Note one bad row."""
        self.count += 1
        bisect.insort(self.first, BadRow(line, fault))
        del self.first[BAD_ROWS_SHOWN:]


@dataclass(frozen=True, slots=True)
class CsvRows:
    """Hold rows in columns: the line each stood in, its open in UTC milliseconds, and its five numbers."""

    lines: "array[int]" = field(default_factory=lambda: array("L"))
    open_ms: "array[int]" = field(default_factory=lambda: array("q"))
    numbers: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.lines)

    def row(self, index: int) -> tuple[object, ...]:
        """Return ``(open_time_ms, open, high, low, close, volume)``."""
        first = index * len(NUMBERS)
        return (self.open_ms[index], *self.numbers[first : first + len(NUMBERS)])

    def by_time(self) -> Sequence[int]:
        """Return the indexes of the rows, oldest first; those of one time stay in the order of the file."""
        if all(before <= after for before, after in itertools.pairwise(self.open_ms)):
            return range(len(self))
        if all(before > after for before, after in itertools.pairwise(self.open_ms)):
            return range(len(self) - 1, -1, -1)
        return sorted(range(len(self)), key=self.open_ms.__getitem__)


def read_csv_rows(lines: Iterable[str], *, base: str, zone: tzinfo, bad: BadRows) -> CsvRows:
    """Return the rows that can be read, in the order of the file; ``bad`` is told of the others.

    ``base`` is what is traded, ``BTC``. Dates without a zone are meant in ``zone``.
    Raises: InvalidRequest when the columns cannot be told, or the file is no CSV file or too long.
    """
    lines = iter(lines)
    above = list(itertools.islice(lines, LINES_ABOVE_MAX + 1))
    header, columns = find_header([line.lstrip("\ufeff") for line in above], base)
    rows = CsvRows()
    below = itertools.chain(above[header + 1 :], lines)
    for line, fields in _numbered(below, columns.delimiter, lines_above=header + 1):
        if len(rows) == ROWS_MAX:
            raise InvalidRequest(f"The file has more than {ROWS_MAX:,} rows. Split it, and import the parts.")
        try:
            open_ms, numbers = _read(fields, columns, zone)
        except ValueError as error:
            bad.add(line, str(error))
            continue
        rows.lines.append(line)
        rows.open_ms.append(open_ms)
        rows.numbers.extend(numbers)
    return rows


def _numbered(lines: Iterable[str], delimiter: str, *, lines_above: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    while True:
        line = reader.line_num + lines_above + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidRequest(f"Line {line} is no line of a CSV file: {error}. Correct it.") from error
        if reader.line_num + lines_above > line:
            # Everything up to the next mark, perhaps the rest of the file, would be one field.
            raise InvalidRequest(f"Line {line} opens a quotation mark and does not close it. Correct it.")
        if any(field.strip() for field in fields):
            yield line, fields


def _read(fields: list[str], columns: CsvColumns, zone: tzinfo) -> tuple[int, list[float]]:
    if len(fields) < columns.width:
        raise ValueError(f"has {len(fields)} fields where the first line names {columns.width}")
    if any(field.strip() for field in fields[columns.width :]):
        raise ValueError(
            f"has {len(fields)} fields where the first line names {columns.width}: "
            "perhaps there are separators between thousands"
        )
    open_ms = read_csv_time_ms(" ".join(fields[place] for place in columns.time), zone)
    return open_ms, [_number(name, fields[getattr(columns, name)]) for name in NUMBERS]


def _number(name: str, text: str) -> float:
    text = text.strip()
    if "," in text or "_" in text:
        raise ValueError(
            f"{name} is {shorten(text)}: write numbers with a point for decimals and without separators "
            "between thousands"
        )
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} is {shorten(text) or 'empty'}, which is no number") from None
