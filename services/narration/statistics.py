"""What a chart amounts to: where it is highest and lowest, which bars moved most, how much was traded."""

from dataclasses import dataclass
from decimal import Decimal
from operator import gt, lt

from services.narration.chart import Chart


@dataclass(frozen=True, slots=True)
class Statistics:
    """Name the bars that stand out; of equal ones the first. There is at least one bar.

    ``biggest_rise`` and ``biggest_fall`` are None where no bar rose or fell.
    """

    high: int
    low: int
    largest_volume: int
    total_volume: Decimal
    biggest_rise: int | None
    biggest_fall: int | None
    rising: int
    falling: int
    unchanged: int


def find_statistics(chart: Chart) -> Statistics:
    """Return the statistics of a chart with at least one bar, the forming one included.

    A bar rose or fell by as much as its close differs from its base: see ``Chart``.
    """
    rising = sum(map(gt, chart.closes, chart.bases))
    falling = sum(map(lt, chart.closes, chart.bases))
    rise, fall = _biggest_changes(chart)
    return Statistics(
        high=chart.highs.index(max(chart.highs)),
        low=chart.lows.index(min(chart.lows)),
        largest_volume=chart.volumes.index(max(chart.volumes)),
        total_volume=chart.volume_scale.decimal(sum(chart.volumes)),
        biggest_rise=rise,
        biggest_fall=fall,
        rising=rising,
        falling=falling,
        unchanged=len(chart.bars) - rising - falling,
    )


def _biggest_changes(chart: Chart) -> tuple[int | None, int | None]:
    """Return the first bar of the greatest rise and of the greatest fall, compared as exact fractions."""
    rise = fall = None
    best_close = best_base = worst_close = worst_base = 1
    for bar, (close, base) in enumerate(zip(chart.closes, chart.bases, strict=True)):
        if close * best_base > best_close * base:
            rise, best_close, best_base = bar, close, base
        elif close * worst_base < worst_close * base:
            fall, worst_close, worst_base = bar, close, base
    return rise, fall
