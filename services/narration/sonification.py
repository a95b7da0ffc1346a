"""A chart as numbers from 0 to 1, for whoever makes it sound: higher is never lower, equal is equal."""

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from services.narration.chart import Chart
from utils.domain import Timeframe

# A thousandth of three octaves is less than anybody hears.
DECIMALS = 3
# Every whole number below is a float.
EXACT_FLOATS = 2**53
# Where all prices are the same, they are in the middle.
MIDDLE = 0.5

Series = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Sonification:
    """Hold one value a bar, and None for each bar missing between two that are there.

    The domains are what 0 and 1 stand for: the lowest and the highest price, shared by all four prices; no
    volume and the largest.
    """

    price_domain: tuple[Decimal, Decimal] | None
    volume_domain: tuple[Decimal, Decimal] | None
    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series


EMPTY = Sonification(None, None, (), (), (), (), ())


def sonify(chart: Chart, *, with_series: bool = True) -> Sonification:
    """Return the series of a chart, linear in price and in time, or its domains alone.

    A series has a place for each bar that is missing: two bars that are years apart make it long.
    """
    if not chart.bars:
        return EMPTY
    low, high, most = min(chart.lows), max(chart.highs), max(chart.volumes)
    price_domain = (chart.price("low", chart.lows.index(low)), chart.price("high", chart.highs.index(high)))
    volume_domain = (Decimal(0), chart.volume(chart.volumes.index(most)))
    if not with_series:
        return replace(EMPTY, price_domain=price_domain, volume_domain=volume_domain)
    holes = _holes(chart)
    return Sonification(
        price_domain=price_domain,
        volume_domain=volume_domain,
        open=_scaled(chart.opens, low, high, holes),
        high=_scaled(chart.highs, low, high, holes),
        low=_scaled(chart.lows, low, high, holes),
        close=_scaled(chart.closes, low, high, holes),
        volume=_scaled(chart.volumes, 0, most, holes),
    )


def count_opens(timeframe: Timeframe, start_ms: int, end_ms: int) -> int:
    """Return how many bars of a timeframe open from one time up to, not including, another."""
    open_ms, end_ms = timeframe.ceil(start_ms), timeframe.ceil(end_ms)
    if timeframe.unit != "M":
        return max(0, (end_ms - open_ms) // timeframe.approximate_ms)
    count = 0
    while open_ms < end_ms:
        open_ms = timeframe.next(open_ms)
        count += 1
    return count


def _holes(chart: Chart) -> list[tuple[int, int]]:
    """Return before which bar bars are missing, and how many, the last one first."""
    timeframe, bars = chart.timeframe, chart.bars
    after_holes = [bar for bar in range(chart.last, 0, -1) if not chart.follows[bar]]
    return [
        (bar, count_opens(timeframe, timeframe.next(bars[bar - 1].open_time_ms), bars[bar].open_time_ms))
        for bar in after_holes
    ]


def _scaled(units: tuple[int, ...], low: int, high: int, holes: list[tuple[int, int]]) -> Series:
    if low == high:
        series: list[float | None] = [MIDDLE if low else 0.0] * len(units)
    else:
        # The difference of two whole numbers is exact, whatever their size; that of two floats is not.
        over = units if high < EXACT_FLOATS else [value - low for value in units]
        shares = (np.array(over, dtype=float) - (low if over is units else 0)) / (high - low)
        series = shares.round(DECIMALS).tolist()
    for bar, count in holes:
        series[bar:bar] = [None] * count
    return tuple(series)
