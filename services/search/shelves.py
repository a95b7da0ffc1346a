"""The indexes of all exchanges that were read, kept up to date behind the searchers' backs."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import asyncpg

from services.catalog import INSTRUMENTS_MAX_AGE_MS, Catalog, Listing, Venue
from services.search.listing_index import Listed, ListingIndex
from services.search.stored import Stored, sum_up
from services.single_flight import SingleFlight
from services.stores.losses import DATABASE_AWAY
from services.stores.stored_instruments import select_stored_series
from utils.clock import Clock
from utils.domain import Instrument, InstrumentSpec
from utils.errors import AppError
from utils.spoken import utc_text
from utils.tasks import end_tasks

# An exchange that did not answer, and a database, are left alone for so long.
AGAIN_AFTER_MS = 60_000
# How long a searcher waits for the first list there is, and for a list that only has to be put in order.
FIRST_PATIENCE_S = 1.0
INDEX_PATIENCE_S = 0.25
STORED_MAX_AGE_MS = 10 * 60_000
STORED_TIMEOUT_S = 5.0
STORED_SERIES_MAX = 5_000

log = logging.getLogger(__name__)

OfVenue = Mapping[str, Stored]
NOTHING: OfVenue = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Shelf:
    listing: Listing | None
    stored: OfVenue
    index: ListingIndex


class Shelves:
    """Hold an index for every market and exchange that was asked for."""

    def __init__(self, *, catalog: Catalog, pool: asyncpg.Pool, clock: Clock) -> None:
        self._catalog = catalog
        self._pool = pool
        self._clock = clock
        self._shelves: dict[Venue, _Shelf] = {}
        self._stored: dict[Venue, OfVenue] = {}
        self._stored_due_ms = 0
        self._asked_ms: dict[Venue, int] = {}
        self._failures: dict[Venue, AppError] = {}
        self._tasks: dict[Venue, asyncio.Task[None]] = {}
        self._flight: SingleFlight[None] = SingleFlight()

    async def close(self) -> None:
        """Stop what is still being read."""
        await end_tasks(self._tasks.values())
        await self._flight.close()

    def indexes(self) -> dict[Venue, ListingIndex]:
        """Return what is there."""
        return {venue: shelf.index for venue, shelf in self._shelves.items()}

    @property
    def stored_venues(self) -> tuple[Venue, ...]:
        """Return where bars are stored of, as far as that was read."""
        return tuple(self._stored)

    def is_read(self, venue: Venue) -> bool:
        """Tell whether the exchange itself said what it has."""
        shelf = self._shelves.get(venue)
        return shelf is not None and shelf.listing is not None

    async def refresh(self, venues: Collection[Venue]) -> None:
        """Begin what is due, and wait for it only where there is nothing to show, or nobody to wait for."""
        due = {venue: self._begin(venue) for venue in venues if self._is_due(venue)}
        new = {venue: task for venue, task in due.items() if venue not in self._shelves}
        if new and not any(venue in self._shelves for venue in venues):
            await asyncio.wait(new.values(), timeout=FIRST_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        read = [task for venue, task in new.items() if venue in self._catalog.kept]
        if read:
            await asyncio.wait(read, timeout=INDEX_PATIENCE_S)

    async def index_of(self, venue: Venue) -> ListingIndex:
        """Return the index of an exchange that has to be there.

        Raises: NotFound; an UpstreamError when the exchange cannot be asked and nothing of it is stored.
        """
        if self.is_read(venue):
            await self.refresh((venue,))
            return self._shelves[venue].index
        await asyncio.shield(self._begin(venue))
        # Its bars, where there are any, make up for the list of an exchange that is away.
        if venue not in self._shelves:
            raise self._failures[venue].anew()
        return self._shelves[venue].index

    def check_read(self, venue: Venue) -> None:
        """Raise why the exchange whose index was just asked for has not said itself what it has."""
        if not self.is_read(venue):
            raise self._failures[venue].anew()

    def _is_due(self, venue: Venue) -> bool:
        if venue in self._tasks:
            return True
        now_ms, shelf, kept = self._clock.now_ms(), self._shelves.get(venue), self._catalog.kept.get(venue)
        if kept is not None and (shelf is None or shelf.listing is not kept):
            return True
        if shelf is not None and (
            now_ms >= self._stored_due_ms or shelf.stored is not self._stored.get(venue, NOTHING)
        ):
            return True
        old = kept is None or now_ms - kept.read_ms >= INSTRUMENTS_MAX_AGE_MS
        return old and now_ms - self._asked_ms.get(venue, -AGAIN_AFTER_MS) >= AGAIN_AFTER_MS

    def _begin(self, venue: Venue) -> "asyncio.Task[None]":
        task = self._tasks.get(venue)
        if task is None:
            task = asyncio.create_task(self._prepare(venue), name=f"read {venue[1]} for the search")
            self._tasks[venue] = task
            task.add_done_callback(lambda _: self._tasks.pop(venue, None))
        return task

    async def _prepare(self, venue: Venue) -> None:
        await asyncio.gather(self._show_stored(venue), self._ask(venue))
        listing, stored = self._catalog.kept.get(venue), self._stored.get(venue, NOTHING)
        if listing is not None or stored:
            await self._shelve(venue, listing, stored)

    async def _show_stored(self, venue: Venue) -> None:
        if self._clock.now_ms() >= self._stored_due_ms:
            await self._flight.run("stored", self._read_stored)
        stored = self._stored.get(venue, NOTHING)
        if venue not in self._shelves and stored:
            # Found while the exchange is still thinking.
            await self._shelve(venue, None, stored)

    async def _ask(self, venue: Venue) -> None:
        self._asked_ms[venue] = self._clock.now_ms()
        try:
            # It has a deadline of its own.
            await self._catalog.instruments(*venue)
        except AppError as error:
            self._failures[venue] = error.anew()
            log.info("listing not read", extra={"exchange": venue[1], "reason": error.detail})
        else:
            self._failures.pop(venue, None)

    async def _shelve(self, venue: Venue, listing: Listing | None, stored: OfVenue) -> None:
        shelf = self._shelves.get(venue)
        if shelf is not None and shelf.listing is listing and shelf.stored is stored:
            return
        listed = _listed(venue, listing, stored, self._clock.now_ms())
        # Tens of milliseconds for a large exchange.
        index = await asyncio.to_thread(ListingIndex, *venue, listed)
        self._shelves[venue] = _Shelf(listing, stored, index)

    async def _read_stored(self) -> None:
        now_ms = self._clock.now_ms()
        self._stored_due_ms = now_ms + AGAIN_AFTER_MS
        try:
            async with asyncio.timeout(STORED_TIMEOUT_S):
                series = await select_stored_series(self._pool, limit=STORED_SERIES_MAX)
        except DATABASE_AWAY as error:
            # Without it, search knows neither turnover nor what was delisted.
            log.warning("stored instruments not read", extra={"reason": str(error)})
            return
        of_venues: dict[Venue, dict[str, Stored]] = {}
        for instrument, stored in sum_up(series, now_ms).items():
            of_venues.setdefault((instrument.market, instrument.exchange), {})[instrument.symbol] = stored
        self._stored = dict(of_venues)
        self._stored_due_ms = now_ms + STORED_MAX_AGE_MS


def _listed(venue: Venue, listing: Listing | None, stored: OfVenue, now_ms: int) -> list[Listed]:
    by_symbol = listing.by_symbol if listing else {}
    found = []
    for symbol, spec in by_symbol.items():
        turnover = stored[symbol].turnover if symbol in stored else None
        delisted = spec.delisted_ms is not None and spec.delisted_ms <= now_ms
        sentence = _sentence(spec, stored.get(symbol)) if delisted else None
        found.append(Listed(spec, turnover, delisted, sentence))
    for symbol in stored.keys() - by_symbol.keys():
        # Only who has read the list knows what is no longer in it.
        delisted, end_ms = listing is not None, stored[symbol].end_ms
        spec = InstrumentSpec.unlisted(Instrument(*venue, symbol), end_ms if delisted else None)
        sentence = _sentence(spec, stored[symbol]) if delisted else None
        found.append(Listed(spec, stored[symbol].turnover, delisted, sentence))
    return found


def _sentence(spec: InstrumentSpec, stored: Stored | None) -> str:
    said = f"{spec.instrument.exchange} no longer lists {spec.instrument.symbol}."
    if stored is None:
        return said
    return f"{said} Bars from {utc_text(stored.first_ms)} to {utc_text(stored.end_ms)} are stored."
