"""The simulated market on a clock set by hand, keeping a record of what it was asked.

It is the real plugin. On request it answers slowly, not at all, or wrongly, as exchanges do.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from plugins import PluginRegistry
from plugins.base import BarPage, VenueProfile
from plugins.simulated import SimulatedPlugin
from plugins.simulated_faults import SimulatedFaults
from plugins.simulated_path import ORIGIN_MS
from services.catalog import Catalog
from services.market_service import History, HistoryQuery
from utils.clock import Clock
from utils.domain import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Bar,
    BarSource,
    BarState,
    Instrument,
    InstrumentSpec,
    Span,
    Timeframe,
)
from utils.errors import UpstreamDown, UpstreamError

BEGAN_MS = ORIGIN_MS + 500 * DAY_MS + 7 * HOUR_MS + 20 * MINUTE_MS + 11_000
BTC = Instrument("simulated", "simex", "BTC/USD")
ETH = Instrument("simulated", "simex", "ETH/USD")
QUIET = Instrument("simulated", "simex", "QUIET/USD")
MINUTE, HOUR = Timeframe.parse("1m"), Timeframe.parse("1h")
HEAD_MS = HOUR.floor(BEGAN_MS)
RECENT = HistoryQuery(BTC, HOUR, limit=20)
AWAY = UpstreamDown("The exchange is away. Try again.", retry_after_s=5)

Rows = tuple[tuple[object, ...], ...]


async def _nobody_waits(seconds: float) -> None:
    raise AssertionError(f"history must not wait, and waited {seconds} s")


class HandClock:
    """Stand still until it is set."""

    def __init__(self, now_ms: int = BEGAN_MS) -> None:
        self.now_ms = now_ms
        self.clock = Clock(now_ms=lambda: self.now_ms, sleep_s=_nobody_waits)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for bars."""

    instrument: Instrument
    timeframe: Timeframe
    start_ms: int
    limit: int


class RecordedMarket(SimulatedPlugin):
    """Record each question; ``error``, ``gate``, ``takes_s`` and ``spoil`` say what becomes of answers."""

    def __init__(self, hand: HandClock) -> None:
        super().__init__(hand.clock, 1, SimulatedFaults())
        self.asked: list[Asked] = []
        self.listings = 0
        self.error: UpstreamError | None = None
        self.gate: asyncio.Event | None = None
        self.came = asyncio.Event()
        self.takes_s = 0.0
        self.spoil: Callable[[Rows], Rows] = lambda rows: rows
        self.change_profile: Callable[[VenueProfile], VenueProfile] = lambda profile: profile
        self.change_spec: Callable[[InstrumentSpec], InstrumentSpec] = lambda spec: spec

    async def profile(self, exchange: str) -> VenueProfile:
        return self.change_profile(await super().profile(exchange))

    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        self.listings += 1
        await self._answering()
        return tuple(self.change_spec(spec) for spec in await super().fetch_instruments(exchange))

    async def fetch_bars(
        self, instrument: Instrument, timeframe: Timeframe, *, start_ms: int, limit: int
    ) -> BarPage:
        self.asked.append(Asked(instrument, timeframe, start_ms, limit))
        await self._answering()
        page = await super().fetch_bars(instrument, timeframe, start_ms=start_ms, limit=limit)
        return replace(page, rows=self.spoil(page.rows))

    async def _answering(self) -> None:
        self.came.set()
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error

    def catalog(self) -> Catalog:
        """Return a catalog of this market alone."""
        registry = PluginRegistry({self.market: self})
        return Catalog(registry, self._clock, default_market="simulated", default_exchange="simex")


async def true_bars(
    now_ms: int, instrument: Instrument, timeframe: Timeframe, start_ms: int, end_ms: int
) -> list[Bar]:
    """Return the bars of a span as the simulated market itself has them at a time, closed by that clock."""
    plugin = SimulatedPlugin(HandClock(now_ms).clock, 1, SimulatedFaults())
    found: list[Bar] = []
    while start_ms < end_ms:
        page = await plugin.fetch_bars(instrument, timeframe, start_ms=start_ms, limit=1_000)
        if not page.rows:
            break
        for row in page.rows:
            state = BarState.CLOSED if timeframe.next(row[0]) <= now_ms else BarState.FORMING
            found.append(Bar(*row, state, 0, BarSource.SIMULATED))
        start_ms = found[-1].open_time_ms + 1
    return [bar for bar in found if bar.open_time_ms < end_ms]


def ago(hours: float) -> int:
    """Return the open of the bar that lies this many hours before the forming one."""
    return HEAD_MS - round(hours * HOUR_MS)


def between(start_ms: int, end_ms: int, instrument: Instrument = BTC, limit: int = 500) -> HistoryQuery:
    return HistoryQuery(instrument, HOUR, start_ms, end_ms, limit)


async def truth_of(query: HistoryQuery, now_ms: int) -> list[Bar]:
    span = query.span(now_ms)
    return await true_bars(now_ms, query.instrument, query.timeframe, span.start_ms, span.end_ms)


def opens_of(bars: Sequence[Bar]) -> list[int]:
    return [bar.open_time_ms for bar in bars]


def reasons_of(history: History) -> set[str]:
    return {gap.reason.value for gap in history.gaps}


def assert_every_instant_is_told(history: History, now_ms: int) -> None:
    """Assert that bars and gaps, together and without overlap, make up what has passed of the range."""
    timeframe = history.query.timeframe
    span = history.query.span(now_ms)
    parts = [Span(bar.open_time_ms, timeframe.next(bar.open_time_ms)) for bar in history.bars]
    parts = sorted((*parts, *(gap.span for gap in history.gaps)), key=lambda part: part.start_ms)
    assert all(left.end_ms == right.start_ms for left, right in pairwise(parts))
    past_end_ms = min(span.end_ms, timeframe.floor(now_ms))
    if past_end_ms > span.start_ms:
        assert parts[0].start_ms == span.start_ms
        assert past_end_ms <= parts[-1].end_ms <= timeframe.next(now_ms)
