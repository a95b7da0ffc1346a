"""ccxt's markets as instruments."""

from collections.abc import Mapping
from typing import Any

from plugins.crypto_names import spoken_currency, spoken_pair, spoken_quote
from utils.domain import Instrument, InstrumentSpec

SERVED_KINDS = ("spot", "swap")
DECIMAL_PLACES, TICK_SIZE = 2, 4
# No exchange traded bitcoin before 2010: nobody need ask about the forty years before. When a market began is
# left to its bars: what ccxt has as its creation may be years late, and no bar before it would be asked for.
# Source: https://github.com/ccxt/ccxt/pull/26551.
FIRST_EXCHANGE_MS = 1_262_304_000_000


def read_instruments(
    markets: Mapping[str, Mapping[str, Any]],
    currencies: Mapping[str, Any],
    *,
    market: str,
    exchange: str,
    exchange_name: str,
    precision_mode: int,
) -> tuple[InstrumentSpec, ...]:
    """Return the spot and perpetual markets, sorted by symbol; options and dated futures are left out."""
    names = {code: (currency or {}).get("name") for code, currency in currencies.items()}
    specs = []
    for symbol in sorted(markets):
        raw = markets[symbol]
        if raw.get("type") not in SERVED_KINDS:
            continue
        base, quote = str(raw.get("base") or ""), str(raw.get("quote") or "")
        pair = spoken_pair(spoken_currency(base, names.get(base)), spoken_quote(quote, names.get(quote)))
        perpetual = raw.get("type") == "swap"
        precision = raw.get("precision") or {}
        specs.append(
            InstrumentSpec(
                instrument=Instrument(market, exchange, symbol),
                description=f"{pair}, {'perpetual contract' if perpetual else 'spot'}, {exchange_name}",
                spoken_name=f"{pair}, perpetual" if perpetual else pair,
                price_step=read_step(precision.get("price"), precision_mode),
                amount_step=read_step(precision.get("amount"), precision_mode),
                active=raw.get("active") is not False,
                listed_ms=FIRST_EXCHANGE_MS,
            )
        )
    return tuple(specs)


def read_step(precision: Any, mode: int) -> float | None:
    """Return the step between two values; None where there is none, as with significant digits."""
    if precision is None:
        return None
    if mode == TICK_SIZE:
        return float(precision) or None
    if mode == DECIMAL_PLACES:
        # Read from text, since 10 ** -8 is not the float nearest to one hundred-millionth.
        return float(f"1e{-int(precision)}")
    return None
