"""What an instrument is called and what kind it is, read off its symbol and its description; pure."""

import re
from dataclasses import dataclass

from services.narration.assets import ASSETS, EXCHANGES
from services.search.found import InstrumentKind
from utils.domain import InstrumentSpec

# The symbols of ccxt: BTC/USDT, BTC/USDT:USDT, BTC/USDT:USDT-261225, BTC/USDT:USDT-261225-100000-C.
SYMBOL = re.compile(r"(?P<base>[^/:]+)(/(?P<quote>[^/:]+))?(?P<contract>:[^-]*(?P<end>-\d+(?P<side>-.*)?)?)?")
# What people type for assets that are said by another name.
ALSO_CALLED = {
    "BNB": ("Binance Coin",),
    "BTC": ("XBT",),
    "DOGE": ("Doge Coin",),
    "ETH": ("Ethereum",),
    "MATIC": ("Polygon Matic",),
    "POL": ("Polygon Matic",),
    "TRX": ("Tronix",),
    "USDC": ("USD Coin",),
    "USDT": ("US dollar Tether",),
    "XLM": ("Lumens", "Stellar Lumens"),
    "XRP": ("Ripple",),
}


@dataclass(frozen=True, slots=True)
class Names:
    """Hold what an instrument may be asked for by; ``name`` is what its base is called."""

    base: str
    quote: str
    kind: InstrumentKind
    name: str
    also: tuple[str, ...]
    quote_name: str


def names_of(spec: InstrumentSpec) -> Names:
    """Return the names of an instrument; a symbol of no known form is its own base."""
    symbol = spec.instrument.symbol
    match = SYMBOL.fullmatch(symbol)
    base = match["base"] if match else symbol
    quote = (match["quote"] or "") if match else ""
    asset = ASSETS.get(base.upper())
    # Bitcoin in US dollars, as plugins say it; the symbol itself where nobody knows better.
    said = base if spec.spoken_name == symbol else spec.spoken_name.partition(" in ")[0]
    paid_in = ASSETS.get(quote.upper())
    return Names(
        base=base,
        quote=quote,
        kind=_kind(match),
        name=asset.name if asset else said,
        also=(said, *ALSO_CALLED.get(base.upper(), ())),
        quote_name=paid_in.name if paid_in else quote,
    )


def exchange_names(exchange: str) -> tuple[str, ...]:
    """Return what an exchange is called: its id, and its name where it is well known."""
    name = EXCHANGES.get(exchange)
    return (exchange, name) if name else (exchange,)


def _kind(match: re.Match[str] | None) -> InstrumentKind:
    if match is None or match["contract"] is None:
        return InstrumentKind.SPOT
    if match["end"] is None:
        return InstrumentKind.PERPETUAL
    return InstrumentKind.FUTURE if match["side"] is None else InstrumentKind.OPTION
