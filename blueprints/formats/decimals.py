"""Numbers as text: the shortest decimal that reads back as the same float, and never an exponent.

For people who read or hear a number, and for programs that keep decimals. Nothing is rounded: old bars may
be finer than today's price step.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import orjson

from utils.domain import Bar


def decimal_text(value: float) -> str:
    """Return one finite number as text: ``0.00001234``, ``67123.45``, ``100``.

    Raises: ValueError for NaN and infinity, which have no decimals.
    """
    return decimal_texts([value])[0]


def decimal_texts(values: Sequence[float]) -> list[str]:
    """Return finite numbers as text; all at once takes a third of the time of one by one.

    Raises: ValueError for NaN and infinity, which have no decimals.
    """
    if not values:
        return []
    # orjson writes the shortest text that reads back as the same float, at times with an exponent.
    joined = orjson.dumps(values)[1:-1].decode()
    if "null" in joined:
        raise ValueError("NaN and infinity cannot be written as decimals")
    texts = f"{joined},".replace(".0,", ",").split(",")[:-1]
    if "e" in joined or "-" in joined:
        return [_plain(text) for text in texts]
    return texts


def bar_texts(bars: Iterable[Bar]) -> Iterator[tuple[str, ...]]:
    """Yield open, high, low, close and volume of each bar as text."""
    texts = iter(decimal_texts([number for bar in bars for number in bar.values]))
    return zip(texts, texts, texts, texts, texts, strict=True)


def _plain(text: str) -> str:
    if "e" in text:
        return format(Decimal(text), "f")
    return "0" if text == "-0" else text
