"""Quotes as charts take them; pure."""

from collections.abc import Iterable
from typing import Any

from blueprints.formats.chart_symbols import full_name
from services.chart_quotes import ChartQuote, NoQuote
from services.narration.names import exchange_name


def encode_quotes(quotes: Iterable[ChartQuote | NoQuote]) -> dict[str, Any]:
    """Return ``{"s": "ok", "d": [{"s": "ok", "n": "BTC/USD", "v": {"lp": 67123.45, …}}]}``.

    One that cannot be read is ``{"s": "error", "n": …, "v": {}, "errmsg": …}`` among the others.
    """
    return {"s": "ok", "d": [_encode(quote) for quote in quotes]}


def _encode(quote: ChartQuote | NoQuote) -> dict[str, Any]:
    if isinstance(quote, NoQuote):
        return {"s": "error", "n": quote.name, "v": {}, "errmsg": quote.reason}
    day = quote.day
    values: dict[str, Any] = {
        "short_name": quote.spec.instrument.symbol,
        "original_name": full_name(quote.spec),
        "exchange": exchange_name(quote.spec.instrument.exchange),
        "description": quote.spec.description,
        "lp": day.close,
        "open_price": day.open,
        "high_price": day.high,
        "low_price": day.low,
        "volume": day.volume,
        "time_ms": day.open_time_ms,
        "as_of_ms": quote.as_of_ms,
        "stale": quote.stale,
    }
    if quote.previous_close is not None:
        values["prev_close_price"] = quote.previous_close
    if quote.change is not None:
        change, percent = quote.change
        values |= {"ch": float(change), "chp": float(percent)}
    return {"s": "ok", "n": quote.name, "v": values}
