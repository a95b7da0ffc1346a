"""Lists of instruments for tests of the search."""

from collections.abc import Iterable

from services.search.listing_index import Listed, ListingIndex
from utils.domain import Instrument, InstrumentSpec

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
QUOTES = ("USD", "USDT", "EUR", "BTC", "USDC")


def spec_of(symbol: str, exchange: str = "kraken", market: str = "crypto") -> InstrumentSpec:
    return InstrumentSpec(Instrument(market, exchange, symbol), symbol, symbol)


def index_of(symbols: Iterable[str], turnovers: dict[str, float] | None = None) -> ListingIndex:
    known = turnovers or {}
    listed = [Listed(spec_of(symbol), known.get(symbol)) for symbol in symbols]
    return ListingIndex("crypto", "kraken", listed)


def made_up_code(number: int) -> str:
    """Return a code of three to six letters, another one for each number."""
    letters = []
    for _ in range(3 + number % 4):
        # Steps through the alphabet that are far from each other.
        number = (number * 48_271 + 11) % 2_147_483_647
        letters.append(LETTERS[number % 26])
    return "".join(letters)


def many_symbols(count: int) -> list[str]:
    """Return so many symbols, as different from each other as those of an exchange."""
    codes = dict.fromkeys(made_up_code(number) for number in range(count))
    return [f"{code}/{QUOTES[number % len(QUOTES)]}" for number, code in enumerate(codes)]
