"""Collected symbols as JSON shows them; pure."""

from collections.abc import Iterable

from services.stores.collected_symbols import CollectedSymbol, SymbolListing
from utils.domain import Timeframe

Shape = dict[str, object]


def format_symbols(
    listings: Iterable[SymbolListing], timeframes: Iterable[Timeframe], user_id: int | None
) -> Shape:
    """Return ``{"intervals": ["1m", …], "symbols": [{"symbol": "BTC/USD", …}]}``."""
    return {
        "intervals": [timeframe.text for timeframe in timeframes],
        "symbols": [
            format_symbol(each.symbol, yours=user_id in each.asker_ids)
            | {"first_bar_ms": each.first_bar_ms, "last_bar_ms": each.last_bar_ms}
            for each in listings
        ],
    }


def format_symbol(collected: CollectedSymbol, *, yours: bool) -> Shape:
    """Return ``{"symbol": "BTC/USD", "market": "crypto", "exchange": "bitstamp", …}``."""
    return {
        "symbol": collected.instrument.symbol,
        "market": collected.instrument.market,
        "exchange": collected.instrument.exchange,
        "yours": yours,
        "collected_since_ms": collected.created_ms,
        "filled_ms": collected.filled_ms,
        "complaint": collected.complaint,
    }
