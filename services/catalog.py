"""Which exchanges and instruments there are, and near misses for those there are not."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from plugins import PluginRegistry
from plugins.base import MarketPlugin, VenueProfile
from services.single_flight import SingleFlight
from utils.clock import Clock
from utils.domain import Instrument, InstrumentSpec, Timeframe
from utils.errors import FieldError, InvalidRequest, UpstreamError, UpstreamTimeout, unknown

# Exchanges list and rename instruments a few times a day at most.
INSTRUMENTS_MAX_AGE_MS = 60 * 60 * 1_000
FETCH_TIMEOUT_S = 5.0
# A market and an exchange of it.
Venue = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """Hold the instruments of one exchange as it listed them at ``read_ms``, sorted by symbol."""

    by_symbol: Mapping[str, InstrumentSpec]
    read_ms: int


class Catalog:
    """Know the exchanges and instruments of every market; lists are kept for an hour."""

    def __init__(
        self, plugins: PluginRegistry, clock: Clock, *, default_market: str, default_exchange: str
    ) -> None:
        self._plugins = plugins
        self._default_market = default_market
        self._default_exchange = default_exchange
        self._clock = clock
        self._listings: dict[Venue, Listing] = {}
        self._flight: SingleFlight[Listing] = SingleFlight()

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._flight.close()

    @property
    def markets(self) -> tuple[str, ...]:
        """Return the markets there are, sorted."""
        return tuple(sorted(self._plugins.by_market))

    @property
    def kept(self) -> Mapping[Venue, Listing]:
        """Return every list that was read, by market and exchange, however old it is by now."""
        return dict(self._listings)

    def plugin(self, market: str) -> MarketPlugin:
        """Return the plugin of a market. Raises: NotFound."""
        return self._plugins.get(market)

    async def default_venue(self, market: str | None, exchange: str | None) -> tuple[str, str]:
        """Return market and exchange; what is left out comes from the settings, or is the first there."""
        market = market or self._default_market
        if exchange is not None:
            return market, exchange
        if market == self._default_market:
            return market, self._default_exchange
        return market, (await self.exchanges(market))[0]

    async def exchanges(self, market: str) -> tuple[str, ...]:
        """Return the exchange ids of a market, sorted. Raises: NotFound."""
        return await self.plugin(market).list_exchanges()

    async def profile(self, market: str, exchange: str) -> VenueProfile:
        """Return what an exchange really offers. Raises: NotFound."""
        await self.check_exchange(market, exchange)
        return await self.plugin(market).profile(exchange)

    async def check_exchange(self, market: str, exchange: str) -> None:
        """Raise NotFound with near misses when the market has no such exchange."""
        exchanges = await self.exchanges(market)
        if exchange not in exchanges:
            advice = f"Ask /market/get_exchanges?market={market} for the list."
            raise unknown("exchange", exchange, exchanges, advice=advice)

    async def instruments(self, market: str, exchange: str) -> tuple[InstrumentSpec, ...]:
        """Return the instruments of an exchange, sorted by symbol.

        Raises: NotFound; an UpstreamError when the exchange cannot be asked and never answered before.
        """
        listing = await self._listing(market, exchange)
        return tuple(listing.by_symbol.values())

    async def find(self, instrument: Instrument) -> InstrumentSpec:
        """Return the facts of an instrument. Raises: NotFound with near misses, or as ``instruments``."""
        listing = await self._listing(instrument.market, instrument.exchange)
        spec = listing.by_symbol.get(instrument.symbol)
        if spec is None:
            where = f"market={instrument.market}&exchange={instrument.exchange}"
            advice = f"Ask /market/get_symbols?{where} for the list."
            raise unknown("symbol", instrument.symbol, listing.by_symbol, advice=advice)
        return spec

    async def _listing(self, market: str, exchange: str) -> Listing:
        await self.check_exchange(market, exchange)
        key = (market, exchange)
        kept = self._listings.get(key)
        if kept and self._clock.now_ms() - kept.read_ms < INSTRUMENTS_MAX_AGE_MS:
            return kept
        try:
            return await self._flight.run(key, lambda: self._read_listing(market, exchange))
        except UpstreamError:
            # An old list still names the instruments; only an exchange never heard of has to fail.
            if kept:
                return kept
            raise

    async def _read_listing(self, market: str, exchange: str) -> Listing:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S):
                specs = await self.plugin(market).fetch_instruments(exchange)
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"{exchange} did not list its symbols in time. Try again in a moment.", retry_after_s=5
            ) from error
        listing = Listing({spec.instrument.symbol: spec for spec in specs}, self._clock.now_ms())
        self._listings[market, exchange] = listing
        return listing


def check_timeframe(timeframe: Timeframe, offered: tuple[Timeframe, ...], exchange: str) -> None:
    """Raise InvalidRequest that names what is offered when the timeframe is not."""
    if timeframe in offered:
        return
    names = ", ".join(each.text for each in sorted(offered, key=lambda each: each.approximate_ms))
    detail = f"{exchange} has no bars of {timeframe.spoken}. It has {names}."
    raise InvalidRequest(detail, errors=(FieldError("timeframe", "unknown_timeframe", detail),))
