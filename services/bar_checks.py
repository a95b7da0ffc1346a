"""The one strict border for bars: what an exchange sent becomes bars, or a sentence that says why not.

Pure. ccxt passes HTML, NaN, nulls, duplicates and wrong spacing through as rows; none of it gets past here.
"""

import itertools
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from utils.domain import EARLIEST_BAR_MS, Bar, BarSource, BarState, Timeframe

# A bar is final this long after its close, by the exchange's clock: late trades need a moment to be booked.
CLOSE_GRACE_MS = 2_000
ROW_LENGTH = 6
# After this many equal spacings in a row, of another length than the timeframe's, its label is not believed.
SPACINGS_PROVE = 6
# What is later was meant as microseconds.
TIME_END_MS = 4_102_444_800_000  # 2100


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """Hold the bars of an answer, sorted and without doubles, and a sentence for each row refused."""

    bars: tuple[Bar, ...]
    refused: tuple[str, ...]


def check_rows(
    rows: Iterable[Sequence[object]], timeframe: Timeframe, *, exchange_time_ms: int, source: BarSource
) -> CheckedRows:
    """Turn ``(open_time_ms, open, high, low, close, volume)`` rows into forming bars, refusing what is wrong.

    Equal doubles count once; two rows that disagree about one bar are both refused. Two rows closer
    together than the timeframe, or a row off its grid, show that the label lies.
    """
    by_open: dict[int, Bar] = {}
    refused: list[str] = []
    disputed: set[int] = set()
    for row in rows:
        checked = _check_row(row, timeframe, exchange_time_ms, source)
        if isinstance(checked, str):
            refused.append(checked)
            continue
        known = by_open.setdefault(checked.open_time_ms, checked)
        if known.values != checked.values:
            disputed.add(checked.open_time_ms)
    refused += [f"two rows disagree about the bar at {open_ms}" for open_ms in sorted(disputed)]
    bars = tuple(by_open[open_ms] for open_ms in sorted(by_open) if open_ms not in disputed)
    lie = _spacing_lie(bars, timeframe)
    if lie:
        return CheckedRows((), (*refused, *(lie for _ in bars)))
    return CheckedRows(bars, tuple(refused))


def _spacing_lie(bars: Sequence[Bar], timeframe: Timeframe) -> str | None:
    # A quiet market leaves holes of many lengths. The same hole after every bar is a coarser timeframe, or
    # somebody who trades by the clock.
    pairs = itertools.pairwise(bars)
    steps = {after.open_time_ms - before.open_time_ms for before, after in pairs}
    if len(bars) <= SPACINGS_PROVE or len(steps) != 1 or timeframe.unit == "M":
        return None
    (step_ms,) = steps
    if step_ms == timeframe.approximate_ms or _are_single_trades(bars):
        return None
    return f"bars come every {step_ms} ms and are no bars of {timeframe.text}"


def _are_single_trades(bars: Sequence[Bar]) -> bool:
    # Where the price moves, and never inside a bar, each bar is a trade. A price that stands still proves
    # nothing: any number of trades may have had it.
    moves = len({bar.close for bar in bars}) > 1
    return moves and all(bar.high == bar.low and bar.volume > 0 for bar in bars)


def _check_row(  # noqa: PLR0911 - one answer a fault
    row: Sequence[object], timeframe: Timeframe, exchange_time_ms: int, source: BarSource
) -> Bar | str:
    if not isinstance(row, list | tuple) or len(row) < ROW_LENGTH:
        return f"a row has fewer than {ROW_LENGTH} columns"
    open_ms, *numbers = row[:ROW_LENGTH]
    if isinstance(open_ms, float) and open_ms.is_integer():
        open_ms = int(open_ms)
    if not isinstance(open_ms, int) or isinstance(open_ms, bool):
        return "a row has no time"
    if not EARLIEST_BAR_MS <= open_ms < TIME_END_MS:
        return "a row's time is not in milliseconds of the years 1973 to 2100"
    values = [_number(value) for value in numbers]
    if any(value is None for value in values):
        return f"the bar at {open_ms} holds something that is no number"
    fault = check_bar_values([value for value in values if value is not None])
    if fault:
        return f"the bar at {open_ms} {fault}"
    if timeframe.floor(open_ms) != open_ms:
        return f"the bar at {open_ms} does not lie on the grid of {timeframe.text}"
    if open_ms > timeframe.next(exchange_time_ms):
        return f"the bar at {open_ms} lies in the future"
    opened, high, low, close, volume = (value for value in values if value is not None)
    return Bar(open_ms, opened, high, low, close, volume, BarState.FORMING, 0, source)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared first: JSON knows whole numbers that are too large for a float.
    return float(value) if abs(value) <= sys.float_info.max else None


def check_bar_values(values: Sequence[float]) -> str | None:
    """Return what is wrong with open, high, low, close, volume, as the end of a sentence; None if nothing."""
    opened, high, low, close, volume = values
    if not all(math.isfinite(value) for value in values):
        return "holds something that is no number"
    if low <= 0:
        return "has a price that is not above zero"
    if volume < 0:
        return "has a volume below zero"
    if low > min(opened, close) or high < max(opened, close):
        return "has a high or a low that its open or close contradicts"
    return None


def judge_closed(
    bars: Sequence[Bar], timeframe: Timeframe, *, exchange_time_ms: int, forming_included: bool
) -> tuple[Bar, ...]:
    """Close the bars for which there is evidence: a successor in the same answer, or time and a grace.

    ``bars`` are sorted and come from one answer, read when the exchange's clock showed ``exchange_time_ms``.
    An exchange that never sends the forming bar proves each of its bars closed by sending it. A successor
    that the exchange's own clock has yet to reach proves nothing.
    """
    last = len(bars) - 1
    return tuple(
        replace(bar, state=BarState.CLOSED)
        if (index < last and bars[index + 1].open_time_ms <= exchange_time_ms + CLOSE_GRACE_MS)
        or not forming_included
        or timeframe.next(bar.open_time_ms) + CLOSE_GRACE_MS <= exchange_time_ms
        else bar
        for index, bar in enumerate(bars)
    )
