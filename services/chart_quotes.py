"""The newest price of many symbols at once, with what it changed since the day before."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.last_bars import BarWindow, LastBars
from services.narration.numbers import EXACT, HUNDRED, QUOTIENT, exact_price, exact_step
from services.search.instrument_search import InstrumentSearch
from utils.clock import Clock
from utils.domain import DAY, Bar, InstrumentSpec
from utils.errors import AppError

SYMBOLS_MAX = 50
# Exchanges are asked about so many at once, and all together have so long.
AT_ONCE = 8
TIMEOUT_S = 5.0
PERCENT_DIGITS = Decimal("0.0001")
LATE = "There was no answer in time. Try again in a moment."


@dataclass(frozen=True, slots=True)
class ChartQuote:
    """Hold the last day that was traded on, the close of the one before, if any, and when it was read.

    It is ``stale`` where the exchange could not be asked since then.
    """

    name: str
    spec: InstrumentSpec
    day: Bar
    previous_close: float | None
    as_of_ms: int
    stale: bool

    @property
    def change(self) -> tuple[Decimal, Decimal] | None:
        """Return by how much the price lies above the close before, in money and in percent.

        Clients take it for that of today: a day that is over, or may be, has none.
        """
        running = not self.stale and self.day.open_time_ms >= DAY.floor(self.as_of_ms)
        if self.previous_close is None or not running:
            return None
        step = exact_step(self.spec.price_step)
        last, before = exact_price(self.day.close, step), exact_price(self.previous_close, step)
        change = EXACT.subtract(last, before)
        percent = QUOTIENT.divide(EXACT.multiply(change, HUNDRED), before)
        return change, EXACT.quantize(percent, PERCENT_DIGITS)


@dataclass(frozen=True, slots=True)
class NoQuote:
    """Say why a symbol has no quote."""

    name: str
    reason: str


class ChartQuotes:
    """Read quotes out of daily bars: bids and asks nobody tells us, and none are made up."""

    def __init__(self, *, search: InstrumentSearch, last_bars: LastBars, clock: Clock) -> None:
        self._search = search
        self._last_bars = last_bars
        self._clock = clock

    async def read(self, names: Sequence[str]) -> tuple[ChartQuote | NoQuote, ...]:
        """Return a quote, or why there is none, for each of at most ``SYMBOLS_MAX`` names, in their order."""
        room = asyncio.Semaphore(AT_ONCE)
        tasks = {name: asyncio.create_task(self._one(name, room)) for name in dict.fromkeys(names)}
        try:
            await asyncio.wait(tasks.values(), timeout=TIMEOUT_S)
        finally:
            late = [task for task in tasks.values() if not task.done()]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return tuple(
            NoQuote(name, LATE) if tasks[name].cancelled() else tasks[name].result() for name in names
        )

    async def _one(self, name: str, room: asyncio.Semaphore) -> ChartQuote | NoQuote:
        async with room:
            try:
                spec = await self._search.resolve(name)
                # The end of the day that runs, by whichever clock.
                end_ms = DAY.shift(self._clock.now_ms(), 2)
                history = await self._last_bars.read(BarWindow(spec.instrument, DAY, end_ms, 2))
            except AppError as error:
                return NoQuote(name, error.detail)
        if not history.bars:
            return NoQuote(name, f"There are no prices of {spec.instrument.symbol}.")
        previous = history.bars[-2].close if len(history.bars) > 1 else None
        return ChartQuote(name, spec, history.bars[-1], previous, history.as_of_ms, history.stale)
