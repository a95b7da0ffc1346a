"""Shapes of one bar or two, each by a stated rule; their names say nothing about what comes next."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from services.narration.chart import Chart


class PatternKind(StrEnum):
    """Name the shapes that are looked for; the rules are in ``RULES``."""

    DOJI = "doji"
    HAMMER = "hammer"
    SHOOTING_STAR = "shooting_star"
    ENGULFING_RISE = "engulfing_rise"
    ENGULFING_FALL = "engulfing_fall"
    INSIDE_BAR = "inside_bar"
    OUTSIDE_BAR = "outside_bar"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Name a shape and its bars, the newest last."""

    kind: PatternKind
    bars: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Shape:
    """One bar in units: its body and what lies above and below it."""

    open: int
    high: int
    low: int
    close: int

    @property
    def range(self) -> int:
        return self.high - self.low

    @property
    def body(self) -> int:
        return abs(self.close - self.open)

    @property
    def above(self) -> int:
        return self.high - max(self.open, self.close)

    @property
    def below(self) -> int:
        return min(self.open, self.close) - self.low


def _is_doji(bar: _Shape) -> bool:
    return bar.range > 0 and 20 * bar.body <= bar.range


def _is_hammer(bar: _Shape) -> bool:
    return 20 * bar.body > bar.range and bar.below >= 2 * bar.body and 2 * bar.above <= bar.body


def _is_shooting_star(bar: _Shape) -> bool:
    return 20 * bar.body > bar.range and bar.above >= 2 * bar.body and 2 * bar.below <= bar.body


def _engulfs(before: _Shape, bar: _Shape) -> bool:
    # Both bodies point against each other, and the later one holds the whole of the earlier one.
    opposed = (before.close - before.open) * (bar.close - bar.open) < 0
    top, bottom = max(bar.open, bar.close), min(bar.open, bar.close)
    covers = top >= max(before.open, before.close) and bottom <= min(before.open, before.close)
    return opposed and covers and bar.body > before.body


def _is_engulfing_rise(before: _Shape, bar: _Shape) -> bool:
    return bar.close > bar.open and _engulfs(before, bar)


def _is_engulfing_fall(before: _Shape, bar: _Shape) -> bool:
    return bar.close < bar.open and _engulfs(before, bar)


def _is_inside(before: _Shape, bar: _Shape) -> bool:
    return bar.high <= before.high and bar.low >= before.low and bar.range < before.range


def _is_outside(before: _Shape, bar: _Shape) -> bool:
    return bar.high > before.high and bar.low < before.low


OF_ONE: dict[PatternKind, Callable[[_Shape], bool]] = {
    PatternKind.DOJI: _is_doji,
    PatternKind.HAMMER: _is_hammer,
    PatternKind.SHOOTING_STAR: _is_shooting_star,
}
OF_TWO: dict[PatternKind, Callable[[_Shape, _Shape], bool]] = {
    PatternKind.ENGULFING_RISE: _is_engulfing_rise,
    PatternKind.ENGULFING_FALL: _is_engulfing_fall,
    PatternKind.INSIDE_BAR: _is_inside,
    PatternKind.OUTSIDE_BAR: _is_outside,
}


def find_patterns(chart: Chart, count_max: int) -> tuple[Pattern, ...]:
    """Return the newest patterns of closed bars, oldest first; of two bars only where none is missing."""
    found: list[Pattern] = []
    for bar in range(chart.last, -1, -1):
        if len(found) >= count_max:
            break
        # The last of a bar first, since the whole is turned around.
        found += reversed(_patterns_at(chart, bar))
    return tuple(reversed(found[:count_max]))


def _patterns_at(chart: Chart, bar: int) -> list[Pattern]:
    if not chart.bars[bar].final:
        return []
    shape = _shape(chart, bar)
    found = [Pattern(kind, (bar,)) for kind, is_one in OF_ONE.items() if is_one(shape)]
    if chart.follows[bar] and chart.bars[bar - 1].final:
        before = _shape(chart, bar - 1)
        found += [Pattern(kind, (bar - 1, bar)) for kind, is_one in OF_TWO.items() if is_one(before, shape)]
    return found


def _shape(chart: Chart, bar: int) -> _Shape:
    return _Shape(chart.opens[bar], chart.highs[bar], chart.lows[bar], chart.closes[bar])
