"""Symbols as the Charting Library knows them: SymbolInfo, its resolutions and its price scale; pure.

Source: the pages Symbology, Resolution and Price format of the Charting Library's documentation, read
2026-11-21. UDF and the datafeed write the same members.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from services.datafeed import ChartExchange, ChartSymbol
from services.narration.names import exchange_name
from services.narration.numbers import exact_step
from services.search.found import Found, InstrumentKind
from utils.domain import SECOND_MS, InstrumentSpec, Timeframe

# Where nobody says how fine prices are, no digit of them is hidden.
PLACES_UNKNOWN = 8
VOLUME_PLACES_UNKNOWN = 8
SESSION = "24x7"
TIME_ZONE = "Etc/UTC"
# What charts call the kinds of instruments.
TYPE_OF = {
    InstrumentKind.SPOT: "crypto",
    InstrumentKind.PERPETUAL: "perpetual",
    InstrumentKind.FUTURE: "futures",
    InstrumentKind.OPTION: "option",
}
KIND_OF = {name: kind for kind, name in TYPE_OF.items()}
TYPES = (
    {"name": "All types", "value": ""},
    {"name": "Cryptocurrencies", "value": "crypto"},
    {"name": "Perpetual contracts", "value": "perpetual"},
    {"name": "Futures", "value": "futures"},
    {"name": "Options", "value": "option"},
)
MINUTES = {"m": 1, "h": 60}


def resolution_of(timeframe: Timeframe) -> str:
    """Return a timeframe as charts write it: ``1S``, ``5``, ``240``, ``1D``, ``1W``, ``1M``."""
    if timeframe.unit in MINUTES:
        return str(timeframe.count * MINUTES[timeframe.unit])
    return f"{timeframe.count}{timeframe.unit.upper()}"


def price_scale(step: float | None) -> tuple[int, int]:
    """Return ``minmov`` and ``pricescale``: whole numbers whose quotient is the price step exactly.

    The scale is a power of ten, for charts show as many decimals as it has zeros: 0.25 is 25 and 100.
    """
    exact = exact_step(step)
    if exact is None or exact <= 0:
        return 1, 10**PLACES_UNKNOWN
    scale = 10 ** _places(exact)
    return int(exact * scale), scale


def encode_symbol(symbol: ChartSymbol) -> dict[str, Any]:
    """Return the SymbolInfo of an instrument."""
    spec = symbol.spec
    instrument = spec.instrument
    minmov, scale = price_scale(spec.price_step)
    amount_step = exact_step(spec.amount_step)
    delisted = is_delisted(spec)
    info = {
        "name": instrument.symbol,
        "full_name": full_name(spec),
        "ticker": instrument.text,
        "description": spec.description,
        "type": TYPE_OF[symbol.kind],
        "session": SESSION,
        "timezone": TIME_ZONE,
        "exchange": exchange_name(instrument.exchange),
        "listed_exchange": exchange_name(instrument.exchange),
        "format": "price",
        "minmov": minmov,
        "minmov2": 0,
        "pricescale": scale,
        "volume_precision": VOLUME_PLACES_UNKNOWN if amount_step is None else _places(amount_step),
        "visible_plots_set": "ohlcv",
        **_multipliers(symbol.timeframes),
        "supported_resolutions": [resolution_of(each) for each in symbol.timeframes],
        "data_status": "endofday" if delisted else "streaming",
        "delisted": delisted,
    }
    if delisted:
        info["expired"] = True
    if spec.delisted_ms is not None:
        info["expiration_date"] = spec.delisted_ms // SECOND_MS
    return info


def encode_found(found: Found) -> dict[str, Any]:
    """Return an instrument as an answer to a search holds it; of a delisted one its description says so."""
    spec = found.spec
    return {
        "symbol": spec.instrument.symbol,
        "full_name": full_name(spec),
        "description": f"{spec.description} (delisted)" if found.delisted else spec.description,
        "exchange": exchange_name(spec.instrument.exchange),
        "ticker": spec.instrument.text,
        "type": TYPE_OF[found.kind],
    }


def encode_exchanges(exchanges: Iterable[ChartExchange]) -> list[dict[str, str]]:
    """Return the exchanges to choose from, the choice of all first."""
    named = {each.exchange: exchange_name(each.exchange) for each in exchanges}
    found = [{"value": value, "name": name, "desc": name} for value, name in named.items()]
    return [{"value": "", "name": "All exchanges", "desc": ""}, *found]


def full_name(spec: InstrumentSpec) -> str:
    """Return the name with the exchange: ``BITSTAMP:BTC/USD``."""
    return f"{spec.instrument.exchange.upper()}:{spec.instrument.symbol}"


def is_delisted(spec: InstrumentSpec) -> bool:
    """Tell whether nobody can trade it any more."""
    return spec.delisted_ms is not None or not spec.active


def _places(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _multipliers(timeframes: Iterable[Timeframe]) -> dict[str, Any]:
    """Return which bars there are to ask for; what is not named, charts build themselves."""
    by_kind: dict[str, list[str]] = {"S": [], "": [], "D": [], "W": [], "M": []}
    for timeframe in timeframes:
        resolution = resolution_of(timeframe)
        kind = resolution[-1] if resolution[-1] in by_kind else ""
        by_kind[kind].append(resolution.removesuffix(kind))
    return {
        "has_seconds": bool(by_kind["S"]),
        "seconds_multipliers": by_kind["S"],
        "has_intraday": bool(by_kind[""]),
        "intraday_multipliers": by_kind[""],
        "has_daily": bool(by_kind["D"]),
        "daily_multipliers": by_kind["D"],
        "has_weekly_and_monthly": bool(by_kind["W"] and by_kind["M"]),
        "weekly_multipliers": by_kind["W"],
        "monthly_multipliers": by_kind["M"],
    }
