"""The contract of a market plugin: the one page to read before writing one.

A plugin speaks for one market (``crypto``, ``simulated``). It turns somebody else's server into the
nouns of ``utils.domain`` and decides nothing: no caching, no storing, no gap filling. A plugin module
offers two names::

    MARKET = "crypto"
    def create_plugin(context: PluginContext) -> MarketPlugin: ...

Failures leave a plugin only as the ``Upstream*`` errors and ``NotFound`` of ``utils.errors``.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from utils.clock import Clock
from utils.domain import Bar, BarSource, Instrument, InstrumentSpec, Timeframe, Trade


class LiveMode(StrEnum):
    """How live bars of an exchange come about; the best one it has."""

    BARS = "bars"
    TRADES = "trades"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class PluginContext:
    """Give a plugin its clock and its settings.

    ``settings`` holds what the environment says under the plugin's own prefix, the market's name in
    capitals: ``{"CRYPTO_EXCHANGES": "bitstamp,kraken", "CRYPTO_ENDPOINT": ""}``.
    """

    clock: Clock
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """State what one exchange really does with bars, as data.

    ``page_bars`` is the most bars one request returns. ``forming_included`` tells whether the newest
    row may still move. ``history_bars`` is how far back it reaches, None without a limit.
    ``source`` is what its bars say of themselves. ``requests_per_s`` is how many questions all workers
    together may put to it, None without a limit; a plugin whose questions take several calls says fewer.
    """

    timeframes: tuple[Timeframe, ...]
    page_bars: int
    live_mode: LiveMode
    forming_included: bool = True
    history_bars: int | None = None
    source: BarSource = BarSource.EXCHANGE
    requests_per_s: float | None = None

    def reach_ms(self, timeframe: Timeframe, now_ms: int) -> int | None:
        """Return the open of the oldest bar that the exchange tells at this time, None without a limit."""
        return None if self.history_bars is None else timeframe.shift(now_ms, 1 - self.history_bars)


@dataclass(frozen=True, slots=True)
class BarPage:
    """Hold one answer of an exchange to a question for bars.

    ``rows`` are ``(open_time_ms, open, high, low, close, volume)`` exactly as received, unchecked, in any
    order; the caller validates them. ``exchange_time_ms`` is the exchange's own clock when it answered.
    """

    rows: tuple[tuple[object, ...], ...]
    exchange_time_ms: int


class MarketPlugin(ABC):
    """Speak for one market; every time is UTC milliseconds."""

    market: str

    async def open(self) -> None:
        """Get ready; called once, before anything else. Must not need the network."""

    async def close(self) -> None:
        """Let go of every connection; called once, after everything else."""

    @abstractmethod
    async def list_exchanges(self) -> tuple[str, ...]:
        """Return the exchange ids this plugin may be asked for, sorted."""

    @abstractmethod
    async def profile(self, exchange: str) -> VenueProfile:
        """Return what the exchange really offers; needs no network."""

    @abstractmethod
    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        """Return every instrument of the exchange that has bars, sorted by symbol."""

    @abstractmethod
    async def fetch_bars(
        self, instrument: Instrument, timeframe: Timeframe, *, start_ms: int, limit: int
    ) -> BarPage:
        """Return the first ``limit`` bars at or after ``start_ms``, the forming one included.

        ``limit`` never exceeds the profile's ``page_bars``; the timeframe is one of the profile's.
        """

    async def fetch_trades(self, instrument: Instrument, *, since_ms: int) -> tuple[Trade, ...]:
        """Return recent trades at or after ``since_ms``, oldest first; fewer where the exchange forgets."""
        return ()

    @abstractmethod
    def watch_bars(
        self, instrument: Instrument, timeframe: Timeframe
    ) -> AsyncGenerator[tuple[Bar, ...], None]:
        """Yield bars as they change, for ``LiveMode.BARS``; ends by an Upstream error or by being closed.

        A bar is yielded as closed only where the exchange itself says so.
        """

    @abstractmethod
    def watch_trades(self, instrument: Instrument) -> AsyncGenerator[tuple[Trade, ...], None]:
        """Yield new trades in the order received, for ``LiveMode.TRADES``; ends as ``watch_bars`` does."""

    @abstractmethod
    def exchange_time_ms(self, exchange: str) -> int:
        """Return the best estimate of the exchange's clock, from its last answer."""
