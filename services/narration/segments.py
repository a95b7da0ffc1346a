"""Legs: a chart as the few moves that its closes make, by one rule.

The rule: a new leg begins at a close from which the closes then turn by at least the threshold. The threshold
is the average true range in percent of the average close, times four, rounded to two digits that matter, half
to even; or times five, six, seven, eight, ten, twelve, fourteen and so on, the first that makes at most 12
legs. The true range of a bar is from its low, or the close before if that is lower, to its high, or the close
before if that is higher.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.narration.chart import Chart
from services.narration.facts import exact_decimal
from services.narration.numbers import EXACT

# These, then twice these, four times these, and so on.
RANGES_IN_A_TURN = (4, 5, 6, 7)
THRESHOLD_DIGITS = 2
LEGS_MAX = 12
BARS_MIN = 2


@dataclass(frozen=True, slots=True)
class Leg:
    """Span the bars from the close of one to the close of another; legs touch."""

    first_bar: int
    last_bar: int


@dataclass(frozen=True, slots=True)
class Legs:
    """Hold the legs of a chart in order; the threshold is in percent, 0 where nothing ever moved."""

    turn_percent: Decimal
    legs: tuple[Leg, ...]


def find_legs(chart: Chart) -> Legs | None:
    """Return the legs of a chart; None below two bars, which make no move."""
    if len(chart.bars) < BARS_MIN:
        return None
    ranges = _true_ranges(chart)
    if not ranges:
        return Legs(Decimal(0), (Leg(0, chart.last),))
    for percent in _thresholds(ranges, sum(chart.closes)):
        turns = _find_turns(chart.closes, percent)
        if len(turns) < LEGS_MAX:
            break
    ends = itertools.pairwise((0, *turns, chart.last))
    return Legs(percent, tuple(Leg(first, last) for first, last in ends))


def _true_ranges(chart: Chart) -> int:
    # The first bar has no close before it.
    first = chart.highs[0] - chart.lows[0]
    rest = zip(chart.highs[1:], chart.lows[1:], chart.closes, strict=False)
    return first + sum(max(high, close) - min(low, close) for high, low, close in rest)


def _thresholds(ranges: int, closes: int) -> Iterator[Decimal]:
    """Yield ever larger thresholds; one beyond the whole range of the closes leaves a single leg."""
    for power in itertools.count():
        for factor in RANGES_IN_A_TURN:
            exact = EXACT.divide(Decimal((factor << power) * 100 * ranges), Decimal(closes))
            places = THRESHOLD_DIGITS - 1 - exact.adjusted()
            yield exact_decimal(EXACT.quantize(exact, Decimal(1).scaleb(-places)))


def _find_turns(closes: tuple[int, ...], percent: Decimal) -> list[int]:
    """Return the bars at which legs meet, oldest first; of equal closes the first."""
    part = Fraction(percent) / 100
    # Rises by the threshold: close >= low * (1 + part). Falls by it: close <= high * (1 - part).
    whole, up, down = part.denominator, part.denominator + part.numerator, part.denominator - part.numerator
    turns: list[int] = []
    high = low = 0
    rising: bool | None = None
    for bar, close in enumerate(closes):
        if close > closes[high]:
            high = bar
        if close < closes[low]:
            low = bar
        if rising is not True and close * whole >= closes[low] * up:
            turns.append(low)
            rising, high, low = True, bar, bar
        elif rising is not False and close * whole <= closes[high] * down:
            turns.append(high)
            rising, high, low = False, bar, bar
    # Where the first leg begins, nothing has turned yet.
    return [bar for bar in turns if bar]
