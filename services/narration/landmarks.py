"""Bars worth jumping to beside the extremes: spikes of volume, highs and lows that ended a long record."""

from bisect import bisect_left, insort
from dataclasses import dataclass
from decimal import Decimal

from services.narration.chart import Chart

# A spike: at least three times the median volume of the twenty bars before, of which ten have to be there.
SPIKE_FACTOR = 3
SPIKE_BARS = 20
SPIKE_BARS_MIN = 10
# A record: beyond every bar before, after the last record had stood for twenty bars.
RECORD_BARS = 20


@dataclass(frozen=True, slots=True)
class VolumeSpike:
    """Compare the volume of a closed bar with the median of those from ``first_bar`` up to it."""

    bar: int
    first_bar: int
    median: Decimal


@dataclass(frozen=True, slots=True)
class Record:
    """Name the bar that went beyond every bar before it, and the one that had held the record until then."""

    bar: int
    broken_bar: int


def find_volume_spikes(chart: Chart) -> tuple[VolumeSpike, ...]:
    """Return the spikes, those greatest in relation to their medians first, equal ones in order of time."""
    window: list[int] = []
    found: list[tuple[int, int, int]] = []
    # So many binary places that no two different ratios of these volumes look the same.
    shift = 2 * max(chart.volumes, default=0).bit_length() + 2
    for bar, volume in enumerate(chart.volumes):
        if len(window) >= SPIKE_BARS_MIN and chart.bars[bar].final:
            doubled = window[(len(window) - 1) // 2] + window[len(window) // 2]
            if doubled and 2 * volume >= SPIKE_FACTOR * doubled:
                found.append((-((2 * volume << shift) // doubled), bar, doubled))
        insort(window, volume)
        if len(window) > SPIKE_BARS:
            del window[bisect_left(window, chart.volumes[bar - SPIKE_BARS])]
    return tuple(
        VolumeSpike(bar, max(0, bar - SPIKE_BARS), chart.volume_scale.decimal(doubled) / 2)
        for _, bar, doubled in sorted(found)
    )


def find_records(units: tuple[int, ...], *, highest: bool) -> tuple[Record, ...]:
    """Return the bars, in order, that went beyond a record which had stood long enough."""
    sign = 1 if highest else -1
    found: list[Record] = []
    holder = 0
    for bar, value in enumerate(units):
        if sign * value > sign * units[holder]:
            if bar - holder >= RECORD_BARS:
                found.append(Record(bar, holder))
            holder = bar
    return tuple(found)
