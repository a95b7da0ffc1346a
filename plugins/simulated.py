"""The simulated market: seeded, deterministic, needing no network, and faulty on request.

It shows live prices where there is no connection and stands in for an exchange in tests. The same seed
and time give the same trades on every machine; live updates agree with history to the last digit. Prices
trade on a grid of one second; a bar is the exact fold of its trades, and a stretch without trades has none.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

from plugins.base import BarPage, LiveMode, MarketPlugin, PluginContext, VenueProfile
from plugins.simulated_faults import (
    ERROR_EVERY_REQUESTS,
    FaultyLine,
    SimulatedFaults,
    stream_fails,
)
from plugins.simulated_history import (
    DAY_S,
    HOUR_S,
    BarRow,
    SimulatedHistory,
    rows,
    trades_of,
)
from plugins.simulated_instruments import INSTRUMENTS
from plugins.simulated_live import BarFeed, Feed, TradeFeed
from plugins.simulated_path import ORIGIN_MS, SimulatedPath, key_of
from utils.clock import Clock
from utils.domain import SECOND_MS, Bar, BarSource, Instrument, InstrumentSpec, Timeframe, Trade
from utils.errors import UpstreamDown, unknown

MARKET = "simulated"
EXCHANGE = "simex"
PAGE_BARS = 1_000
TIMEFRAMES = tuple(
    Timeframe.parse(text) for text in ("1s", "5s", "15s", "1m", "5m", "15m", "30m", "1h", "4h", "1d")
)
# The exchange forgets single trades after an hour.
TRADES_KEPT_S = HOUR_S
# A day of trades takes a few milliseconds; whatever takes longer leaves the event loop, a piece at a time
# so that a request nobody waits for any more stops early.
INLINE_S = DAY_S
PIECE_S = 16 * DAY_S

Update = TypeVar("Update")


def create_plugin(context: PluginContext) -> "SimulatedPlugin":
    """Return the plugin, seeded by SIMULATED_SEED and as faulty as SIMULATED_FAULTS says.

    Raises: ValueError with a sentence when a setting cannot be read.
    """
    seed = context.settings.get("SIMULATED_SEED", "").strip() or "1"
    if not seed.isascii() or not seed.isdigit():
        raise ValueError(f"SIMULATED_SEED is {seed}: set a whole number, 0 or more.")
    faults = SimulatedFaults.parse(context.settings.get("SIMULATED_FAULTS", ""))
    return SimulatedPlugin(context.clock, int(seed), faults)


class SimulatedPlugin(MarketPlugin):
    """Speak for the simulated market and its one exchange; ``faults`` may be replaced at any time."""

    market = MARKET

    def __init__(self, clock: Clock, seed: int, faults: SimulatedFaults) -> None:
        self.faults = faults
        self._clock = clock
        self._seed = seed
        self._requests = 0
        self._history = SimulatedHistory()
        self._paths = {instrument.symbol: SimulatedPath(seed, instrument) for instrument in INSTRUMENTS}

    async def list_exchanges(self) -> tuple[str, ...]:
        """Return the one exchange there is."""
        return (EXCHANGE,)

    async def profile(self, exchange: str) -> VenueProfile:
        """Return what the simulated exchange offers."""
        _check_exchange(exchange)
        return VenueProfile(
            TIMEFRAMES, page_bars=PAGE_BARS, live_mode=LiveMode.BARS, source=BarSource.SIMULATED
        )

    async def fetch_instruments(self, exchange: str) -> tuple[InstrumentSpec, ...]:
        """Return every simulated instrument, sorted by symbol."""
        _check_exchange(exchange)
        self._count_request()
        return tuple(
            InstrumentSpec(
                Instrument(self.market, EXCHANGE, row.symbol),
                row.description,
                row.spoken_name,
                price_step=1 / row.ticks_per_unit,
                amount_step=row.amount_step,
                listed_ms=ORIGIN_MS,
            )
            for row in sorted(INSTRUMENTS, key=lambda row: row.symbol)
        )

    async def fetch_bars(
        self, instrument: Instrument, timeframe: Timeframe, *, start_ms: int, limit: int
    ) -> BarPage:
        """Return the first ``limit`` bars at or after ``start_ms``, the forming one included."""
        path = self._path(instrument)
        self._count_request()
        now_ms = self._clock.now_ms()
        length_s = timeframe.approximate_ms // SECOND_MS
        first_s = max((timeframe.ceil(start_ms) - ORIGIN_MS) // SECOND_MS, 0)
        last_s = _second(now_ms)
        found: list[BarRow] = []
        while first_s <= last_s and len(found) < limit:
            # A thin instrument has fewer bars than its time would hold: look at more of it at once.
            sparseness = -(-path.instrument.trade_every_s // length_s)
            asked_s = max((limit - len(found)) * length_s * sparseness, HOUR_S)
            piece_last_s = min(first_s + min(asked_s, PIECE_S) - 1, last_s)
            found += await self._bar_rows(path, length_s, first_s, piece_last_s)
            first_s = piece_last_s + 1
        return BarPage(tuple(found[:limit]), now_ms)

    async def fetch_trades(self, instrument: Instrument, *, since_ms: int) -> tuple[Trade, ...]:
        """Return the trades of the last hour at or after ``since_ms``, oldest first."""
        path = self._path(instrument)
        self._count_request()
        now_s = _second(self._clock.now_ms())
        first_s = -((ORIGIN_MS - since_ms) // SECOND_MS)
        return trades_of(path.trades(max(first_s, now_s - TRADES_KEPT_S), now_s), path.instrument)

    def watch_bars(
        self, instrument: Instrument, timeframe: Timeframe
    ) -> AsyncGenerator[tuple[Bar, ...], None]:
        """Yield the forming bar in every second it moves, and each bar as closed when its time is over."""
        path, now_s = self._path(instrument), _second(self._clock.now_ms())
        return self._watch(BarFeed(self._history, path, timeframe.approximate_ms // SECOND_MS, now_s))

    def watch_trades(self, instrument: Instrument) -> AsyncGenerator[tuple[Trade, ...], None]:
        """Yield the trade of each second, beginning with the present one."""
        return self._watch(TradeFeed(self._path(instrument), _second(self._clock.now_ms())))

    def exchange_time_ms(self, exchange: str) -> int:
        """Return our own time: the simulated exchange lives on our clock."""
        _check_exchange(exchange)
        return self._clock.now_ms()

    def _path(self, instrument: Instrument) -> SimulatedPath:
        _check_exchange(instrument.exchange)
        path = self._paths.get(instrument.symbol)
        if path is None:
            symbols = ", ".join(sorted(self._paths))
            raise unknown("symbol", instrument.symbol, self._paths, advice=f"The symbols are {symbols}.")
        return path

    def _count_request(self) -> None:
        self._requests += 1
        if self.faults.error and self._requests % ERROR_EVERY_REQUESTS == 0:
            raise _failed_on_purpose()

    async def _bar_rows(self, path: SimulatedPath, length_s: int, first_s: int, last_s: int) -> list[BarRow]:
        if last_s - first_s < INLINE_S:
            columns = self._history.bars(path, length_s, first_s, last_s)
        else:
            columns = await asyncio.to_thread(self._history.bars, path, length_s, first_s, last_s)
        return list(rows(columns, path.instrument))

    async def _watch(self, feed: Feed[Update]) -> AsyncGenerator[tuple[Update, ...], None]:
        key = key_of(self._seed, feed.path.instrument.symbol)
        line = FaultyLine[Update](key)
        began_s = _second(self._clock.now_ms())
        while True:
            now_ms = self._clock.now_ms()
            after_s = max(feed.reached_s, began_s)
            updates = feed.advance(_second(now_ms))
            if self.faults.error and stream_fails(key, after_s, feed.reached_s):
                raise _failed_on_purpose()
            arrived = line.carry(updates, now_s=feed.reached_s, faults=self.faults)
            if arrived:
                yield tuple(arrived)
            if feed.reached_s >= _second(now_ms):
                await self._clock.sleep_s((SECOND_MS - now_ms % SECOND_MS) / SECOND_MS)


def _second(time_ms: int) -> int:
    return (time_ms - ORIGIN_MS) // SECOND_MS


def _check_exchange(exchange: str) -> None:
    if exchange != EXCHANGE:
        raise unknown(
            "exchange", exchange, (EXCHANGE,), advice=f"The simulated market has one exchange, {EXCHANGE}."
        )


def _failed_on_purpose() -> UpstreamDown:
    return UpstreamDown(
        "The simulated exchange failed on purpose, as the fault error asks. Try again.", retry_after_s=1.0
    )
