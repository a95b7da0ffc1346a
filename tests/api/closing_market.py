"""A guest market: the simulated one, whose exchange is away from a certain moment on."""

from dataclasses import replace

from plugins.base import BarPage, PluginContext
from plugins.simulated import SimulatedPlugin
from plugins.simulated_faults import SimulatedFaults
from utils.domain import Instrument, InstrumentSpec, Timeframe
from utils.errors import UpstreamDown

MARKET = "closing"
AWAY_FROM_MS = 1_709_294_400_000  # 2024-03-01T12:00Z


def create_plugin(context: PluginContext) -> "ClosingPlugin":
    return ClosingPlugin(context.clock, 1, SimulatedFaults())


class ClosingPlugin(SimulatedPlugin):
    market = MARKET

    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        specs = await super().fetch_instruments(exchange)
        return tuple(replace(spec, instrument=replace(spec.instrument, market=MARKET)) for spec in specs)

    async def fetch_bars(
        self, instrument: Instrument, timeframe: Timeframe, *, start_ms: int, limit: int
    ) -> BarPage:
        if self._clock.now_ms() >= AWAY_FROM_MS:
            raise UpstreamDown("The exchange is away. Try again tomorrow.")
        return await super().fetch_bars(instrument, timeframe, start_ms=start_ms, limit=limit)
