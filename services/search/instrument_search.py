"""Search over every list of instruments that was read, and over those of which bars are stored."""

import asyncpg

from services.catalog import Catalog, Venue
from services.search.found import Found, InstrumentKind
from services.search.listing_index import Listed, ListingIndex, rank_of
from services.search.shelves import Shelves
from services.search.text import words_of
from utils.clock import Clock
from utils.domain import InstrumentSpec
from utils.errors import FieldError, InvalidRequest, NotFound, shorten

LIMIT_DEFAULT = 30
LIMIT_MAX = 100
NEAR_MAX = 3
# Of a market with more exchanges only those are read that somebody asks for, and those of stored bars.
EXCHANGES_READ_MAX = 12


class InstrumentSearch:
    """Find instruments by what people type.

    It looks through the lists that are there. Missing ones are read meanwhile, and are there for the next
    search: nobody waits for an exchange that does not answer.
    """

    def __init__(self, *, catalog: Catalog, pool: asyncpg.Pool, clock: Clock) -> None:
        self._catalog = catalog
        self._shelves = Shelves(catalog=catalog, pool=pool, clock=clock)

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._shelves.close()

    async def search(
        self,
        text: str,
        *,
        market: str | None = None,
        exchange: str | None = None,
        kind: InstrumentKind | None = None,
        limit: int = LIMIT_DEFAULT,
    ) -> tuple[Found, ...]:
        """Return at most ``limit`` instruments that fit, the best first; for no text, the most traded.

        An exchange that is named without its market is looked for in the default market first.
        Raises: NotFound for a market or an exchange that there is not.
        """
        venues = await self._venues(market, exchange, text)
        await self._shelves.refresh(venues)
        indexes = self._shelves.indexes()
        found = [
            each
            for venue in venues
            if venue in indexes
            for each in indexes[venue].search(text, kind=kind, limit=limit)
        ]
        found.sort(
            key=lambda each: (each.match, each.instrument.symbol != text, rank_of(each), each.instrument)
        )
        return tuple(found[:limit])

    async def resolve(
        self, text: str, *, market: str | None = None, exchange: str | None = None
    ) -> InstrumentSpec:
        """Return the one instrument that a text names.

        Reads ``BTC/USD``, ``BTC-USD``, ``BTCUSD``, ``bitstamp:BTC/USD``, ``KRAKEN:BTC/USD`` and
        ``crypto:bitstamp:BTC/USD``. Where no exchange is named it is the default one, or where that lacks the
        symbol, the one of the same market where most of it is traded.
        Raises: NotFound with near misses; InvalidRequest when the text names another market or exchange than
        the arguments; an UpstreamError when the exchange cannot be asked.
        """
        market, exchange, symbol = await self._read_address(text, market, exchange)
        venue = await self._catalog.default_venue(market, exchange)
        index = await self._shelves.index_of(venue)
        listed = index.get(symbol) or index.named(symbol)
        if not listed:
            # Only who has read the list knows what is not in it.
            self._shelves.check_read(venue)
            # Never in another market: made-up prices are only for who names them.
            listed = self._anywhere(symbol, venue[0]) if exchange is None else None
        if listed:
            return listed.spec
        raise await self._unknown(symbol, venue[0], exchange)

    async def unread(
        self, text: str = "", *, market: str | None = None, exchange: str | None = None
    ) -> tuple[Venue, ...]:
        """Return the markets and exchanges of a search that have not said yet what they list."""
        venues = await self._venues(market, exchange, text)
        return tuple(venue for venue in venues if not self._shelves.is_read(venue))

    async def _venues(self, market: str | None, exchange: str | None, text: str) -> tuple[Venue, ...]:
        """Return where to look: what is wanted, and what was read because somebody else wanted it."""
        if exchange is not None:
            market = market or await self._market_of(exchange)
            await self._catalog.check_exchange(market, exchange)
            return ((market, exchange),)
        default_market, default_exchange = await self._catalog.default_venue(market, None)
        exchanges = await self._catalog.exchanges(default_market)
        wanted = list(exchanges if len(exchanges) <= EXCHANGES_READ_MAX else (default_exchange,))
        wanted += [word for word in words_of(text) if word in exchanges]
        there = (*self._catalog.kept, *self._shelves.stored_venues)
        others = (venue for venue in there if market in (None, venue[0]))
        return tuple(dict.fromkeys((*((default_market, each) for each in wanted), *others)))

    async def _market_of(self, exchange: str) -> str:
        """Return the market of an exchange: the default one where it has it, and where nobody has it."""
        default_market, _ = await self._catalog.default_venue(None, None)
        for market in dict.fromkeys((default_market, *self._catalog.markets)):
            if exchange in await self._catalog.exchanges(market):
                return market
        return default_market

    async def _read_address(
        self, text: str, market: str | None, exchange: str | None
    ) -> tuple[str | None, str | None, str]:
        first, colon, rest = text.partition(":")
        # The symbols of contracts hold a colon too: BTC/USDT:USDT.
        if not colon or "/" in first:
            return (await self._market_of(exchange) if exchange and not market else market), exchange, text
        named_market = None
        if first.casefold() in self._catalog.markets and ":" in rest:
            named_market, (first, _, rest) = first.casefold(), rest.partition(":")
        named_exchange = first.casefold()
        _refuse_disagreement(("market", named_market, market), ("exchange", named_exchange, exchange))
        market, exchange = named_market or market, named_exchange
        market = market or await self._market_of(exchange)
        await self._catalog.check_exchange(market, exchange)
        return market, exchange, rest

    async def _unknown(self, symbol: str, market: str, exchange: str | None) -> NotFound:
        near: tuple[Found, ...] = ()
        for text in (symbol, *words_of(symbol)[:1]):
            near = near or await self.search(text, market=market, exchange=exchange, limit=NEAR_MAX)
        names = " or ".join(dict.fromkeys(each.instrument.symbol for each in near))
        hint = f"Did you mean {names}? " if names else ""
        detail = f"There is no symbol {shorten(symbol)}. {hint}Search for it at /market/search."
        return NotFound(detail, code="unknown_symbol")

    def _anywhere(self, symbol: str, market: str) -> Listed | None:
        indexes = [index for venue, index in self._shelves.indexes().items() if venue[0] == market]
        for find in (ListingIndex.get, ListingIndex.named):
            found = [listed for index in indexes if (listed := find(index, symbol))]
            if found:
                return min(
                    found, key=lambda each: (each.delisted, -(each.turnover or 0.0), each.spec.instrument)
                )
        return None


def _refuse_disagreement(*places: tuple[str, str | None, str | None]) -> None:
    """Raise InvalidRequest when a symbol names another market or exchange than the field beside it."""
    errors = tuple(
        FieldError(
            field,
            "invalid",
            f"The symbol names the {field} {shorten(named)}, and {field} is {shorten(given)}: leave one out.",
        )
        for field, named, given in places
        if named is not None and given is not None and given.casefold() != named
    )
    if errors:
        raise InvalidRequest(" ".join(error.detail for error in errors), errors=errors)
