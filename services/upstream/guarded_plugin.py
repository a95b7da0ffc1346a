"""Any market plugin, with the discipline towards exchanges around it."""

import contextlib
import random
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from plugins import PluginRegistry
from plugins.base import BarPage, MarketPlugin, VenueProfile
from services.upstream.exchange_guard import ExchangeGuard, GuardParts
from services.upstream.limits import UpstreamLimits
from services.upstream.optional_redis import OptionalRedis
from services.upstream.state import ExchangeState
from utils.clock import Clock
from utils.domain import Bar, Instrument, InstrumentSpec, Timeframe, Trade
from utils.errors import UpstreamBusy, UpstreamLimited

Update = TypeVar("Update")


def guard_plugins(
    plugins: PluginRegistry,
    *,
    redis: OptionalRedis,
    clock: Clock,
    workers: int,
    limits: UpstreamLimits | None = None,
) -> PluginRegistry:
    """Return a registry of the same plugins, each guarded; whoever opened the plugins still closes them."""
    parts = GuardParts(
        redis=redis,
        limits=limits or UpstreamLimits(),
        workers=workers,
        steady_s=clock.steady_s,
        uniform=random.uniform,
    )
    guarded = {market: GuardedPlugin(plugin, parts) for market, plugin in plugins.by_market.items()}
    return PluginRegistry(guarded)


def exchange_states(plugins: PluginRegistry) -> tuple[ExchangeState, ...]:
    """Return how the exchanges of all guarded plugins are that were asked since the start."""
    guarded = (plugin for plugin in plugins.by_market.values() if isinstance(plugin, GuardedPlugin))
    return tuple(state for plugin in guarded for state in plugin.states)


class GuardedPlugin(MarketPlugin):
    """Put every question for instruments, bars and trades through the guard of its exchange.

    What needs no network passes. A stream is opened when the exchange does not want to be left alone, and
    is not counted otherwise.
    """

    def __init__(self, plugin: MarketPlugin, parts: GuardParts) -> None:
        self.market = plugin.market
        self._plugin = plugin
        self._parts = parts
        self._guards: dict[str, ExchangeGuard] = {}

    async def open(self) -> None:
        """Open the plugin."""
        await self._plugin.open()

    async def close(self) -> None:
        """Close the plugin."""
        await self._plugin.close()

    @property
    def states(self) -> tuple[ExchangeState, ...]:
        """Return how the exchanges are that were asked since the start, by name."""
        return tuple(
            ExchangeState(self.market, exchange, *guard.mood, guard.requests_per_s)
            for exchange, guard in sorted(self._guards.items())
        )

    async def list_exchanges(self) -> tuple[str, ...]:
        """Return the plugin's exchanges."""
        return await self._plugin.list_exchanges()

    async def profile(self, exchange: str) -> VenueProfile:
        """Return the plugin's profile of an exchange."""
        return await self._plugin.profile(exchange)

    def exchange_time_ms(self, exchange: str) -> int:
        """Return what the plugin takes for the exchange's time."""
        return self._plugin.exchange_time_ms(exchange)

    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        """Return the instruments. Raises: as the plugin, and as ``ExchangeGuard.ask``."""
        guard = await self._guard(exchange)
        return await guard.ask(lambda: self._plugin.fetch_instruments(exchange))

    async def fetch_bars(
        self, instrument: Instrument, timeframe: Timeframe, *, start_ms: int, limit: int
    ) -> BarPage:
        """Return a page of bars. Raises: as the plugin, and as ``ExchangeGuard.ask``."""
        guard = await self._guard(instrument.exchange)
        return await guard.ask(
            lambda: self._plugin.fetch_bars(instrument, timeframe, start_ms=start_ms, limit=limit)
        )

    async def fetch_trades(self, instrument: Instrument, *, since_ms: int) -> tuple[Trade, ...]:
        """Return recent trades. Raises: as the plugin, and as ``ExchangeGuard.ask``."""
        guard = await self._guard(instrument.exchange)
        return await guard.ask(lambda: self._plugin.fetch_trades(instrument, since_ms=since_ms))

    def watch_bars(
        self, instrument: Instrument, timeframe: Timeframe
    ) -> AsyncGenerator[tuple[Bar, ...], None]:
        """Yield bars as the plugin does; ends by UpstreamLimited while the exchange is to be left alone."""
        return self._watch(instrument.exchange, lambda: self._plugin.watch_bars(instrument, timeframe))

    def watch_trades(self, instrument: Instrument) -> AsyncGenerator[tuple[Trade, ...], None]:
        """Yield trades as the plugin does; ends by UpstreamLimited as ``watch_bars`` does."""
        return self._watch(instrument.exchange, lambda: self._plugin.watch_trades(instrument))

    async def _watch(
        self, exchange: str, open_stream: Callable[[], AsyncGenerator[Update, None]]
    ) -> AsyncGenerator[Update, None]:
        guard = await self._guard(exchange)
        await guard.pass_stream()
        try:
            async with contextlib.aclosing(open_stream()) as updates:
                async for update in updates:
                    yield update
        except UpstreamBusy:
            raise
        except UpstreamLimited as error:
            await guard.note_limited(error)
            raise

    async def _guard(self, exchange: str) -> ExchangeGuard:
        # The plugin refuses what is no exchange of its own, so there are only so many guards.
        requests_per_s = (await self._plugin.profile(exchange)).requests_per_s
        guard = self._guards.get(exchange)
        if guard is None:
            guard = ExchangeGuard(self.market, exchange, requests_per_s, self._parts)
            self._guards[exchange] = guard
        return guard
