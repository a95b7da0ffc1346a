"""All symbols of an exchange as columns, for UDF's symbol_info; pure.

A column whose value is the same for all symbols is that value, not a list. Names are hyphenated here and
nowhere else in UDF.
"""

from collections.abc import Sequence
from typing import Any

from blueprints.formats.chart_symbols import encode_symbol
from services.datafeed import ChartSymbol

# The column of the protocol, and the member of SymbolInfo that it holds.
COLUMNS = {
    "symbol": "name",
    "ticker": "ticker",
    "description": "description",
    "type": "type",
    "exchange-listed": "listed_exchange",
    "exchange-traded": "exchange",
    "session-regular": "session",
    "timezone": "timezone",
    "minmovement": "minmov",
    "minmov2": "minmov2",
    "pricescale": "pricescale",
    "volume-precision": "volume_precision",
    "visible-plots-set": "visible_plots_set",
    "has-seconds": "has_seconds",
    "has-intraday": "has_intraday",
    "has-daily": "has_daily",
    "has-weekly-and-monthly": "has_weekly_and_monthly",
}
# Each value of these is a list: the same for all symbols of an exchange.
LISTS = {
    "seconds-multipliers": "seconds_multipliers",
    "intraday-multipliers": "intraday_multipliers",
    "supported-resolutions": "supported_resolutions",
}


def encode_group(symbols: Sequence[ChartSymbol]) -> dict[str, Any]:
    """Return ``{"symbol": ["BTC/USD", …], "minmovement": 1, "pricescale": [100, …], …}``."""
    infos = [encode_symbol(symbol) for symbol in symbols]
    columns: dict[str, Any] = {}
    for column, member in COLUMNS.items():
        values = [info[member] for info in infos]
        same = column != "symbol" and len(set(values)) == 1
        columns[column] = values[0] if same else values
    first = infos[0] if infos else {}
    return columns | {column: first.get(member, []) for column, member in LISTS.items()}
