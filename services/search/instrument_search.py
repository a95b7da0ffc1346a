"""Search over every list of instruments that was read, and over those of which bars are stored."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import asyncpg

from services.catalog import INSTRUMENTS_MAX_AGE_MS, Catalog, Listing, Venue
from services.search.found import Found, InstrumentKind
from services.search.listing_index import Listed, ListingIndex, rank_of
from utils.clock import Clock
from utils.domain import InstrumentSpec
from utils.errors import AppError, UpstreamError, unknown
from utils.tasks import end_tasks

LIMIT_DEFAULT = 30
LIMIT_MAX = 100
# Of a market with more exchanges only those are read that somebody asks for, and those of stored bars.
EXCHANGES_READ_MAX = 12
# How long a searcher waits where nothing at all could be shown otherwise.
PATIENCE_S = 1.0
# An exchange that did not answer is left alone for so long.
AGAIN_AFTER_MS = 60_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shelf:
    listing: Listing
    index: ListingIndex


class InstrumentSearch:
    """Find instruments by what people type.

    It looks through the lists that are there. Missing ones are read meanwhile, and are there for the next
    search: nobody waits for an exchange that does not answer.
    """

    def __init__(self, *, catalog: Catalog, pool: asyncpg.Pool, clock: Clock) -> None:
        self._catalog = catalog
        self._pool = pool
        self._clock = clock
        self._shelves: dict[Venue, _Shelf] = {}
        self._reading: dict[Venue, asyncio.Task[None]] = {}
        self._asked_ms: dict[Venue, int] = {}

    async def close(self) -> None:
        """Stop what is still being read."""
        await end_tasks(self._reading.values())

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

        An exchange is one of the named market, or of the default market.
        Raises: NotFound for a market or an exchange that there is not.
        """
        venues = await self._venues(market, exchange)
        await self._make_ready(venues)
        found = [
            each
            for venue in venues
            if venue in self._shelves
            for each in self._shelves[venue].index.search(text, kind=kind, limit=limit)
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
        ``crypto:bitstamp:BTC/USD``. Where no exchange is named it is the default one, or else the one where
        most of it is traded.
        Raises: NotFound with near misses; an UpstreamError when the exchange cannot be asked.
        """
        market, exchange, symbol = await self._read_address(text, market, exchange)
        venue = await self._catalog.default_venue(market, exchange)
        try:
            index = await self._index_of(venue)
        except UpstreamError:
            if exchange is not None:
                raise
            index = None
        listed = index and (index.get(symbol) or index.named(symbol))
        if not listed and exchange is None:
            listed = self._anywhere(symbol, market)
        if listed:
            return listed.spec
        near = [each.instrument.symbol for each in await self.search(symbol, market=market, limit=3)]
        raise unknown("symbol", symbol, near, advice="Search for it at /market/search?query=…")

    async def unread(self, *, market: str | None = None, exchange: str | None = None) -> tuple[Venue, ...]:
        """Return the markets and exchanges whose lists are wanted and not there yet."""
        return tuple(venue for venue in await self._venues(market, exchange) if venue not in self._shelves)

    async def _venues(self, market: str | None, exchange: str | None) -> tuple[Venue, ...]:
        """Return where to look: what is wanted, and what was read because somebody else wanted it."""
        if exchange is not None:
            market = market or await self._market_of(exchange)
            await self._catalog.check_exchange(market, exchange)
            return ((market, exchange),)
        default_market, default_exchange = await self._catalog.default_venue(market, None)
        exchanges = await self._catalog.exchanges(default_market)
        wanted = exchanges if len(exchanges) <= EXCHANGES_READ_MAX else (default_exchange,)
        kept = (venue for venue in self._catalog.kept if market in (None, venue[0]))
        return tuple(dict.fromkeys((*((default_market, each) for each in wanted), *kept)))

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
        if first.casefold() in self._catalog.markets and ":" in rest:
            market, (first, _, rest) = first.casefold(), rest.partition(":")
        exchange = first.casefold()
        market = market or await self._market_of(exchange)
        await self._catalog.check_exchange(market, exchange)
        return market, exchange, rest

    def _anywhere(self, symbol: str, market: str | None) -> Listed | None:
        shelves = [shelf for venue, shelf in self._shelves.items() if market in (None, venue[0])]
        for find in (ListingIndex.get, ListingIndex.named):
            found = [listed for shelf in shelves if (listed := find(shelf.index, symbol))]
            if found:
                return min(
                    found, key=lambda each: (each.delisted, -(each.turnover or 0.0), each.spec.instrument)
                )
        return None

    async def _make_ready(self, venues: Iterable[Venue]) -> None:
        """Read what is missing, without waiting for it as long as there is anything to show."""
        kept = self._catalog.kept
        started = [self._read(venue) for venue in venues if self._is_due(venue, kept)]
        if started and not any(venue in kept for venue in venues):
            await asyncio.wait(started, timeout=PATIENCE_S)
        await self._shelve(venues)

    def _is_due(self, venue: Venue, kept: Mapping[Venue, Listing]) -> bool:
        now_ms = self._clock.now_ms()
        if venue in self._reading:
            return venue not in kept
        if now_ms - self._asked_ms.get(venue, -AGAIN_AFTER_MS) < AGAIN_AFTER_MS:
            return False
        return venue not in kept or now_ms - kept[venue].read_ms >= INSTRUMENTS_MAX_AGE_MS

    def _read(self, venue: Venue) -> "asyncio.Task[None]":
        task = self._reading.get(venue)
        if task is None:
            self._asked_ms[venue] = self._clock.now_ms()
            task = asyncio.create_task(self._read_listing(venue), name=f"read {venue[1]} for the search")
            self._reading[venue] = task
            task.add_done_callback(lambda _: self._reading.pop(venue, None))
        return task

    async def _read_listing(self, venue: Venue) -> None:
        try:
            # It has a deadline of its own.
            await self._catalog.instruments(*venue)
        except AppError as error:
            log.info("listing not read", extra={"exchange": venue[1], "reason": error.detail})

    async def _index_of(self, venue: Venue) -> ListingIndex:
        await self._catalog.instruments(*venue)
        await self._shelve((venue,))
        return self._shelves[venue].index

    async def _shelve(self, venues: Iterable[Venue]) -> None:
        kept = self._catalog.kept
        for venue in venues:
            listing, shelf = kept.get(venue), self._shelves.get(venue)
            if listing is not None and (shelf is None or shelf.listing is not listing):
                listed = [Listed(spec) for spec in listing.by_symbol.values()]
                # Tens of milliseconds for a large exchange.
                index = await asyncio.to_thread(ListingIndex, *venue, listed)
                self._shelves[venue] = _Shelf(listing, index)
