"""What charts ask for, whichever protocol they speak: symbols, bars, quotes; not for how it is written."""

import asyncio
from dataclasses import dataclass

from plugins.base import VenueProfile
from services.catalog import Catalog
from services.chart_marks import ChartMarks
from services.chart_quotes import ChartQuotes
from services.derivation import BUILT, choose_base
from services.history_query import History
from services.last_bars import TIMEOUT_S, UNKNOWN, BarWindow, LastBars
from services.search.found import Found, InstrumentKind
from services.search.instrument_search import InstrumentSearch
from services.search.names import names_of
from utils.domain import InstrumentSpec, Timeframe
from utils.errors import UpstreamDown, unknown

# What one answer holds at most: a chart reads on from its oldest bar.
BARS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class ChartSymbol:
    """Hold an instrument, its kind, and the timeframes that there are bars of, shortest first."""

    spec: InstrumentSpec
    kind: InstrumentKind
    timeframes: tuple[Timeframe, ...]


@dataclass(frozen=True, slots=True)
class ChartExchange:
    """Name an exchange and its market."""

    market: str
    exchange: str


@dataclass(frozen=True, slots=True)
class ChartBars:
    """Hold bars, oldest first; without any, ``older_ms`` is the open of the next older bar there is."""

    history: History
    older_ms: int | None = None


class Datafeed:
    """Answer charts out of the history that everybody gets."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        search: InstrumentSearch,
        last_bars: LastBars,
        marks: ChartMarks,
        quotes: ChartQuotes,
    ) -> None:
        self._catalog = catalog
        self._search = search
        self._last_bars = last_bars
        self.marks = marks
        self.quotes = quotes

    async def exchanges(self) -> tuple[ChartExchange, ...]:
        """Return every exchange of every market."""
        found: list[ChartExchange] = []
        for market in self._catalog.markets:
            found += [ChartExchange(market, each) for each in await self._catalog.exchanges(market)]
        return tuple(found)

    async def timeframes(self) -> tuple[Timeframe, ...]:
        """Return the timeframes that the first exchanges of the markets have, shortest first."""
        found = {Timeframe.parse(text) for text in BUILT}
        for market in self._catalog.markets:
            place = await self._catalog.default_venue(market, None)
            found.update(offered_timeframes(await self._catalog.profile(*place)))
        return _sorted(found)

    async def search(
        self, text: str, *, exchange: str | None, kind: InstrumentKind | None, limit: int
    ) -> tuple[Found, ...]:
        """Return the instruments that fit, the best first, those of the default market before others.

        Raises: NotFound for an unknown exchange.
        """
        if exchange is not None:
            place = await self._exchange(exchange)
            return await self._search.search(
                text, market=place.market, exchange=place.exchange, kind=kind, limit=limit
            )
        default_market, _ = await self._catalog.default_venue(None, None)
        found: list[Found] = []
        for market in dict.fromkeys((default_market, *self._catalog.markets)):
            if len(found) < limit:
                found += await self._search.search(text, market=market, kind=kind, limit=limit - len(found))
        return tuple(found)

    async def instrument(self, text: str) -> InstrumentSpec:
        """Return the instrument of a name, ``crypto:bitstamp:BTC/USD`` or shorter. Raises: NotFound."""
        return await self._search.resolve(text)

    async def symbol(self, text: str) -> ChartSymbol:
        """Return what a chart has to know of a symbol. Raises: NotFound."""
        spec = await self.instrument(text)
        profile = await self._catalog.profile(spec.instrument.market, spec.instrument.exchange)
        return ChartSymbol(spec, names_of(spec).kind, offered_timeframes(profile))

    async def group(self, exchange: str) -> tuple[ChartSymbol, ...]:
        """Return all symbols of an exchange. Raises: NotFound."""
        place = await self._exchange(exchange)
        timeframes = offered_timeframes(await self._catalog.profile(place.market, place.exchange))
        specs = await self._catalog.instruments(place.market, place.exchange)
        return tuple(ChartSymbol(spec, names_of(spec).kind, timeframes) for spec in specs)

    async def bars(self, window: BarWindow) -> ChartBars:
        """Return the bars of a window, or where the next older bar is.

        Raises: as ``MarketService.bars``; an UpstreamError where nobody can say which bar is the next older.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + TIMEOUT_S
        history = await self._last_bars.read(window)
        if history.bars or not window.floor_ms:
            return ChartBars(history)
        older = await self._last_bars.read(
            BarWindow(window.instrument, window.timeframe, window.floor_ms, 1),
            timeout_s=until_s - loop.time(),
        )
        newest_ms = older.bars[-1].open_time_ms if older.bars else None
        after = (gap for gap in older.gaps if gap.span.end_ms > (newest_ms or 0))
        if older.stale and any(gap.reason in UNKNOWN for gap in after):
            raise UpstreamDown(
                f"{window.instrument.exchange} cannot be asked for older prices now. Try again in a moment.",
                retry_after_s=5,
            )
        return ChartBars(history, newest_ms)

    async def _exchange(self, name: str) -> ChartExchange:
        exchanges = await self.exchanges()
        for each in exchanges:
            if each.exchange == name.casefold():
                return each
        advice = "Ask /udf/config for the list."
        raise unknown("exchange", name, (each.exchange for each in exchanges), advice=advice)


def offered_timeframes(profile: VenueProfile) -> tuple[Timeframe, ...]:
    """Return the timeframes of an exchange and those that are built from them, shortest first."""
    built = (Timeframe.parse(text) for text in BUILT)
    derived = (each for each in built if choose_base(each, profile.timeframes) is not None)
    return _sorted({*profile.timeframes, *derived})


def _sorted(timeframes: set[Timeframe]) -> tuple[Timeframe, ...]:
    return tuple(sorted(timeframes, key=lambda each: each.approximate_ms))
