"""How an instrument is called: by the names people use, or letter by letter where there is none."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from services.narration import phrases
from services.narration.assets import ASSETS, EXCHANGES
from services.narration.locales import SpokenLocale
from services.narration.numbers import number_text

NAMES_KEPT = 8_192
# Letters of our alphabet one by one; digits, and words of other scripts, together; the rest is silent.
SPELLED = re.compile(r"[A-Z]|\d+|[^\W\d_A-Za-z]+")
# The symbols of ccxt: BTC/USDT, BTC/USDT:USDT, BTC/USDT:USDT-261225, BTC/USDT:USDT-261225-100000-C.
SYMBOL = re.compile(
    r"(?P<base>[^/:]+)/(?P<quote>[^/:]+)"
    r"(?P<contract>:[^-]*(?:-(?P<end>\d{6})(?:-(?P<strike>\d+(?:\.\d+)?)-(?P<side>[CP]))?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SpokenName:
    """Call an instrument: ``Bitcoin in Tether``, ``Bitcoin``, ``B T C, U S D T``."""

    spoken: str
    short: str
    spelled: str


@lru_cache(maxsize=NAMES_KEPT)
def spoken_name(locale: SpokenLocale, symbol: str) -> SpokenName:
    """Return the names of a symbol in a language."""
    match = SYMBOL.fullmatch(symbol)
    if match is None:
        name = asset_name(locale, symbol)
        return SpokenName(spoken=name, short=name, spelled=spell(symbol))
    base, quote = match["base"], match["quote"]
    say = locale.catalog.find
    short = asset_name(locale, base)
    pair = say(phrases.PAIR).format(base=short, quote=_quote_name(locale, quote))
    return SpokenName(
        spoken=_contract(locale, pair, match) if match["contract"] else pair,
        short=short,
        spelled=say(phrases.SPELLED_PAIR).format(base=spell(base), quote=spell(quote)),
    )


def asset_name(locale: SpokenLocale, code: str) -> str:
    """Return what one asset is called, ``Bitcoin``; one that is not well known is spelled."""
    asset = ASSETS.get(code.upper())
    return locale.catalog.find_in(phrases.ASSET, asset.name) if asset else spell(code)


def exchange_name(exchange: str) -> str:
    """Return what an exchange is called by its id, ``Bitstamp``; one that is not well known keeps its id."""
    return EXCHANGES.get(exchange, exchange.capitalize())


def spell(code: str) -> str:
    """Return the letters of a code one by one: ``U S D T``, ``1000 P E P E``."""
    return " ".join(SPELLED.findall(code.upper())) or code


def _quote_name(locale: SpokenLocale, code: str) -> str:
    asset = ASSETS.get(code.upper())
    if asset is None or asset.quote is None:
        return asset_name(locale, code)
    return locale.catalog.find_in(phrases.QUOTE, asset.quote)


def _contract(locale: SpokenLocale, pair: str, match: re.Match[str]) -> str:
    say = locale.catalog.find
    if match["end"] is None:
        return say(phrases.PERPETUAL).format(name=pair)
    date = _end_date(locale, match["end"])
    if date is None:
        return say(phrases.UNDATED_FUTURE).format(name=pair)
    if match["strike"] is None:
        return say(phrases.FUTURE).format(name=pair, date=date)
    strike = number_text(Decimal(match["strike"]), locale.decimal_mark, grouped=locale.grouped)
    option = phrases.CALL_OPTION if match["side"] == "C" else phrases.PUT_OPTION
    return say(option).format(name=pair, date=date, strike=strike)


def _end_date(locale: SpokenLocale, digits: str) -> str | None:
    try:
        end = datetime.strptime(digits, "%y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return locale.dates.write_full_day(end)
