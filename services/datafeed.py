"""What charts ask for, whichever protocol they speak: symbols, bars, quotes; not for how it is written."""

from dataclasses import dataclass

from plugins.base import VenueProfile
from services.catalog import Catalog
from services.chart_symbols import ChartSymbols
from services.derivation import BUILT, choose_base
from services.history_query import History
from services.last_bars import BarWindow, LastBars
from utils.domain import InstrumentSpec, Timeframe

# What one answer holds at most: a chart reads on from its oldest bar.
BARS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class ChartSymbol:
    """Hold an instrument and the timeframes that there are bars of, shortest first."""

    spec: InstrumentSpec
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

    def __init__(self, *, catalog: Catalog, symbols: ChartSymbols, last_bars: LastBars) -> None:
        self._catalog = catalog
        self._symbols = symbols
        self._last_bars = last_bars

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

    async def instrument(self, text: str) -> InstrumentSpec:
        """Return the instrument of a name, ``crypto:bitstamp:BTC/USD`` or shorter. Raises: NotFound."""
        return await self._symbols.resolve(text)

    async def symbol(self, text: str) -> ChartSymbol:
        """Return what a chart has to know of a symbol. Raises: NotFound."""
        spec = await self.instrument(text)
        profile = await self._catalog.profile(spec.instrument.market, spec.instrument.exchange)
        return ChartSymbol(spec, offered_timeframes(profile))

    async def bars(self, window: BarWindow) -> ChartBars:
        """Return the bars of a window.

        Raises: as ``MarketService.bars``.
        """
        history = await self._last_bars.read(window)
        if history.bars or not window.floor_ms:
            return ChartBars(history)
        older = await self._last_bars.read(BarWindow(window.instrument, window.timeframe, window.floor_ms, 1))
        return ChartBars(history, older.bars[-1].open_time_ms if older.bars else None)


def offered_timeframes(profile: VenueProfile) -> tuple[Timeframe, ...]:
    """Return the timeframes of an exchange and those that are built from them, shortest first."""
    built = (Timeframe.parse(text) for text in BUILT)
    derived = (each for each in built if choose_base(each, profile.timeframes) is not None)
    return _sorted({*profile.timeframes, *derived})


def _sorted(timeframes: set[Timeframe]) -> tuple[Timeframe, ...]:
    return tuple(sorted(timeframes, key=lambda each: each.approximate_ms))
