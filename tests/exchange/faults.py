"""Ways an exchange goes wrong, as one word each."""

from collections.abc import Callable
from enum import StrEnum

from tests.exchange.fold import Row


class Fault(StrEnum):
    """What a venue does to every answer, or to the rows of its bars, while the fault is set."""

    # The body of an answer that says 200.
    HTML = "html"
    TRUNCATED = "truncated"
    NULL = "null"
    OBJECT = "object"
    EMPTY = "empty"
    HUGE = "huge"
    NUMBER = "number"
    NESTED = "nested"
    BINARY = "binary"
    # The status.
    RATE_LIMITED = "rate_limited"
    BANNED = "banned"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    # The connection.
    HANG = "hang"
    DRIP = "drip"
    CUT = "cut"
    # The rows of bars.
    NAN_ROWS = "nan_rows"
    NULL_ROWS = "null_rows"
    NO_TIME = "no_time"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting"
    OUT_OF_ORDER = "out_of_order"
    HIGH_BELOW_LOW = "high_below_low"
    MISALIGNED = "misaligned"
    FUTURE = "future"
    WRONG_SPACING = "wrong_spacing"
    INFINITE = "infinite"
    TEXT = "text"
    NEGATIVE_PRICE = "negative_price"
    ZERO_PRICE = "zero_price"
    NEGATIVE_VOLUME = "negative_volume"
    CLOSE_OUTSIDE = "close_outside"
    OPEN_OUTSIDE = "open_outside"
    SECONDS = "seconds"
    MICROSECONDS = "microseconds"


STATUSES = {Fault.RATE_LIMITED: 429, Fault.BANNED: 418, Fault.REFUSED: 451, Fault.UNAVAILABLE: 503}

HTML_PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
# Above the bound for one page of bars.
HUGE_BYTES = 6 * 1024 * 1024


BODIES: dict[Fault, Callable[[str], str]] = {
    Fault.HTML: lambda _: HTML_PAGE,
    Fault.TRUNCATED: lambda text: text[: len(text) * 2 // 3],
    Fault.NULL: lambda _: "null",
    Fault.OBJECT: lambda _: '{"message": "welcome"}',
    Fault.EMPTY: lambda _: "",
    Fault.NUMBER: lambda _: "42",
    Fault.NESTED: lambda _: "[" * 20_000 + "]" * 20_000,
    Fault.BINARY: lambda _: "\x1f\x8b\x08\x00 no text",
    Fault.HUGE: lambda _: "[" + " " * HUGE_BYTES + "]",
}

# From the honest rows, of which there is at least one, and the length of a bar. One row in the middle is
# enough; what comes before and after it is honest.
ROWS: dict[Fault, Callable[[list[Row], int], list[Row]]] = {
    Fault.NAN_ROWS: lambda rows, _: _replaced(rows, lambda row: [row._replace(close="NaN")]),
    Fault.NULL_ROWS: lambda rows, _: _replaced(rows, lambda row: [row._replace(open=None)]),
    Fault.NO_TIME: lambda rows, _: _replaced(rows, lambda row: [row._replace(open_time_ms=None)]),
    Fault.DUPLICATE: lambda rows, _: _replaced(rows, lambda row: [row, row]),
    Fault.CONFLICTING: lambda rows, _: _replaced(rows, lambda row: [row, row._replace(volume="0.5")]),
    Fault.HIGH_BELOW_LOW: lambda rows, _: _replaced(
        rows, lambda row: [row._replace(high=row.low, low=row.high + "1")]
    ),
    Fault.INFINITE: lambda rows, _: _replaced(rows, lambda row: [row._replace(high="1e999")]),
    Fault.TEXT: lambda rows, _: _replaced(rows, lambda row: [row._replace(volume="plenty")]),
    Fault.NEGATIVE_PRICE: lambda rows, _: _replaced(rows, lambda row: [row._replace(low="-1")]),
    Fault.ZERO_PRICE: lambda rows, _: _replaced(rows, lambda row: [row._replace(low="0")]),
    Fault.NEGATIVE_VOLUME: lambda rows, _: _replaced(rows, lambda row: [row._replace(volume="-0.5")]),
    Fault.CLOSE_OUTSIDE: lambda rows, _: _replaced(rows, lambda row: [row._replace(close=row.high + "9")]),
    Fault.OPEN_OUTSIDE: lambda rows, _: _replaced(rows, lambda row: [row._replace(open="0.001")]),
    Fault.SECONDS: lambda rows, _: [row._replace(open_time_ms=row.open_time_ms // 1_000) for row in rows],
    Fault.MICROSECONDS: lambda rows, _: [row._replace(open_time_ms=row.open_time_ms * 1_000) for row in rows],
    Fault.OUT_OF_ORDER: lambda rows, _: rows[::-1],
    Fault.MISALIGNED: lambda rows, _: [_moved(row, 1_000) for row in rows],
    Fault.FUTURE: lambda rows, length_ms: [_moved(row, 10_000 * length_ms) for row in rows],
    Fault.WRONG_SPACING: lambda rows, length_ms: [
        rows[0]._replace(open_time_ms=rows[0].open_time_ms + place * 3 * length_ms)
        for place in range(len(rows))
    ],
}


def _replaced(rows: list[Row], change: Callable[[Row], list[Row]]) -> list[Row]:
    middle = len(rows) // 2
    return [*rows[:middle], *change(rows[middle]), *rows[middle + 1 :]]


def break_body(fault: Fault | None, text: str) -> str:
    """Return the body that is sent in place of the honest one."""
    return BODIES[fault](text) if fault in BODIES else text


def break_rows(fault: Fault | None, rows: list[Row], length_ms: int) -> list[Row]:
    """Return the rows that are sent in place of the honest ones."""
    return ROWS[fault](rows, length_ms) if rows and fault in ROWS else rows


def _moved(row: Row, by_ms: int) -> Row:
    return row._replace(open_time_ms=row.open_time_ms + by_ms)
