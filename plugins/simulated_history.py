"""Bars of the simulated market: the exact fold of its trades, in whole ticks and lots.

A bar's open, high, low and close are those of its trades, its volume the sum of their lots; a stretch
without trades has no bar. Folding is done on integers and each number divided once at the very end, so a
coarse bar equals the fold of finer ones however it was reached. Not here: clocks, faults, the event loop.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from plugins.simulated_path import ORIGIN_MS, Columns, SimulatedInstrument, SimulatedPath
from utils.domain import SECOND_MS, Trade

HOUR_S = 3_600
DAY_S = 86_400
# About 1.5 kB a day: at most some 6 MB.
CACHED_DAYS = 4_096
# Six hours of trades fit into a processor's cache; whole days take twice the time.
STRETCH_S = 6 * HOUR_S

BarRow = tuple[int, float, float, float, float, float]


def fold(columns: Columns, length_s: int) -> Columns:
    """Return the bars of a length, in seconds, that trades or finer bars make up; empty ones do not exist."""
    if not len(columns.open_s):
        return columns
    bars = columns.open_s // length_s
    firsts = np.flatnonzero(np.diff(bars, prepend=-1))
    lasts = np.append(firsts[1:], len(bars)) - 1
    return Columns(
        bars[firsts] * length_s,
        columns.open[firsts],
        np.maximum.reduceat(columns.high, firsts),
        np.minimum.reduceat(columns.low, firsts),
        columns.close[lasts],
        np.add.reduceat(columns.lots, firsts),
    )


def joined(*parts: Columns) -> Columns:
    """Return the parts as one, in the order given."""
    names = ("open_s", "open", "high", "low", "close", "lots")
    return Columns(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def sliced(columns: Columns, which: slice) -> Columns:
    """Return some of the rows."""
    return Columns(
        columns.open_s[which],
        columns.open[which],
        columns.high[which],
        columns.low[which],
        columns.close[which],
        columns.lots[which],
    )


def rows(columns: Columns, instrument: SimulatedInstrument) -> Iterator[BarRow]:
    """Yield ``(open_time_ms, open, high, low, close, volume)`` in units; prices print at their step."""
    prices = (columns.open, columns.high, columns.low, columns.close)
    # One division of whole numbers gives the float nearest to the decimal: 6712345 / 100 is 67123.45.
    units = [(column / instrument.ticks_per_unit).tolist() for column in prices]
    times = (columns.open_s * SECOND_MS + ORIGIN_MS).tolist()
    yield from zip(times, *units, (columns.lots * instrument.amount_step).tolist(), strict=True)


def trades_of(columns: Columns, instrument: SimulatedInstrument) -> tuple[Trade, ...]:
    """Return trades as the exchange reports them; the id is the number of the second."""
    return tuple(
        Trade(str((time_ms - ORIGIN_MS) // SECOND_MS), time_ms, price, amount)
        for time_ms, price, _, _, _, amount in rows(columns, instrument)
    )


class SimulatedHistory:
    """Fold bars of any stretch, remembering the hours of whole days; safe to use from several threads."""

    def __init__(self) -> None:
        self._hours = lru_cache(CACHED_DAYS)(_fold_hours)

    def bars(self, path: SimulatedPath, length_s: int, first_s: int, last_s: int) -> Columns:
        """Return the bars that the trades of this stretch, both ends included, make up.

        ``first_s`` is the open of a bar; a last bar that is cut short by ``last_s`` holds what traded so far.
        """
        first_s = max(first_s, 0)
        days = range(first_s // DAY_S, last_s // DAY_S + 1)
        parts = [
            self._day_bars(path, length_s, max(first_s, day * DAY_S), min(last_s, (day + 1) * DAY_S - 1))
            for day in days
        ]
        return joined(*parts) if parts else path.trades(0, -1)

    def _day_bars(self, path: SimulatedPath, length_s: int, first_s: int, last_s: int) -> Columns:
        if length_s < HOUR_S:
            return fold(path.trades(first_s, last_s), length_s)
        day_s = first_s // DAY_S * DAY_S
        whole_s = (last_s + 1) // HOUR_S * HOUR_S
        hours = self._hours(path, day_s, whole_s)
        parts = [sliced(hours, slice(int(np.searchsorted(hours.open_s, first_s)), None))]
        if whole_s <= last_s:
            parts.append(fold(path.trades(whole_s, last_s), HOUR_S))
        return fold(joined(*parts), length_s)


def _fold_hours(path: SimulatedPath, first_s: int, end_s: int) -> Columns:
    stretches = range(first_s, end_s, STRETCH_S)
    parts = [fold(path.trades(s, min(s + STRETCH_S, end_s) - 1), HOUR_S) for s in stretches]
    return joined(*parts) if parts else path.trades(0, -1)
