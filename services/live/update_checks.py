"""Which live updates can be believed; pure.

An exchange, or what stands before it, sometimes sends a time in other units or a price that is no number. One
such trade must not move the clock of a feed, nor close the bar that still runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.bar_checks import check_bar_values
from utils.domain import DAY_MS, MINUTE_MS, Bar, Timeframe, Trade

# An exchange's clock is known to the second, and ours beside it may be set.
AHEAD_MAX_MS = 5 * MINUTE_MS
# What is older belongs to bars that are long read from the exchange itself: streams begin with such trades.
TRADE_AGE_MAX_MS = DAY_MS
AHEAD = "has a time that has not come"


@dataclass(frozen=True, slots=True)
class CheckedUpdate:
    """Hold what can be believed, the opens of bars that the exchange has to be asked for, and the faults."""

    believed: tuple[Bar | Trade, ...]
    doubtful_ms: tuple[int, ...]
    faults: tuple[str, ...]


def check_update(update: Sequence[Bar | Trade], timeframe: Timeframe, now_ms: int) -> CheckedUpdate:
    """Return what of an update can be believed when the exchange's clock shows ``now_ms``.

    Trades of a day ago and older are left out without a word.
    """
    believed, doubtful_ms, faults = [], [], []
    for item in update:
        time_ms = item.open_time_ms if isinstance(item, Bar) else item.time_ms
        if isinstance(item, Trade) and time_ms < now_ms - TRADE_AGE_MAX_MS:
            continue
        fault = AHEAD if time_ms > now_ms + AHEAD_MAX_MS else _fault(item, timeframe)
        if fault is None:
            believed.append(item)
            continue
        faults.append(fault)
        if fault is not AHEAD:
            doubtful_ms.append(timeframe.floor(time_ms))
    return CheckedUpdate(tuple(believed), tuple(doubtful_ms), tuple(faults))


def _fault(item: Bar | Trade, timeframe: Timeframe) -> str | None:
    if isinstance(item, Bar):
        off_grid = timeframe.floor(item.open_time_ms) != item.open_time_ms
        return "opens where no bar of its timeframe does" if off_grid else check_bar_values(item.values)
    if not (math.isfinite(item.price) and math.isfinite(item.amount)):
        return "holds something that is no number"
    if item.price <= 0:
        return "has a price that is not above zero"
    return "has an amount below zero" if item.amount < 0 else None
