"""The oracle: trades folded into bars in the plainest way there is, shared with nothing of the product."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple


class HeldTrade(NamedTuple):
    """One trade as text, since exchanges send text."""

    id: int
    time_ms: int
    price: str
    amount: str


class Row(NamedTuple):
    """One bar as text."""

    open_time_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


def fold(trades: Iterable[HeldTrade], length_ms: int) -> list[Row]:
    """Fold trades, sorted by time and then id, into bars of a length; a quiet stretch has no bar."""
    by_open: dict[int, list[HeldTrade]] = {}
    for trade in sorted(trades, key=lambda trade: (trade.time_ms, trade.id)):
        by_open.setdefault(trade.time_ms - trade.time_ms % length_ms, []).append(trade)
    return [_bar(open_ms, inside) for open_ms, inside in sorted(by_open.items())]


def _bar(open_ms: int, trades: list[HeldTrade]) -> Row:
    prices = [trade.price for trade in trades]
    volume = sum((Decimal(trade.amount) for trade in trades), Decimal(0))
    return Row(
        open_ms, prices[0], max(prices, key=Decimal), min(prices, key=Decimal), prices[-1], f"{volume:f}"
    )


def fold_floats(trades: Iterable[HeldTrade], length_ms: int) -> list[tuple[int, float, ...]]:
    """Fold as ``fold`` does, with numbers in place of text: the volume is the exact sum, rounded once."""
    return [(row.open_time_ms, *(float(text) for text in row[1:])) for row in fold(trades, length_ms)]
