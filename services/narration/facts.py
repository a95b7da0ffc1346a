"""Facts: what a sentence says, each with the operation that gives it and the bars it is made of.

Whoever doubts a sentence takes its facts and computes them again from the bars.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from services.narration.chart import Chart, Field, PriceField
from services.narration.numbers import EXACT, percent_change
from utils.domain import Gap

SPOKEN_VOLUME_DIGITS = 4


class Operation(StrEnum):
    """How a fact is computed; ``first_bar`` to ``last_bar`` includes both."""

    # The field of one bar.
    VALUE = "value"
    # The greatest and the smallest of a field, at the first bar that has it.
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    SUM = "sum"
    MEDIAN = "median"
    # How many there are of what the field names.
    COUNT = "count"
    # From the base field of the base bar to the field of the bar, in percent, signed.
    CHANGE_PERCENT = "change_percent"
    # By how much closes have to turn for a new leg to begin, in percent.
    TURN_PERCENT = "turn_percent"


@dataclass(frozen=True, slots=True)
class Fact:
    """State one number; members that do not apply to the operation are None.

    ``spoken`` is what a sentence says where the exact value has too many digits to listen to.
    """

    operation: Operation
    field: str
    value: Decimal
    id: str = ""
    spoken: Decimal | None = None
    bar: int | None = None
    open_time_ms: int | None = None
    base_bar: int | None = None
    base_field: str | None = None
    first_bar: int | None = None
    last_bar: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    reason: str | None = None

    @property
    def said(self) -> Decimal:
        """Return the number as sentences say it."""
        return self.value if self.spoken is None else self.spoken

    @property
    def time_ms(self) -> int:
        """Return the open of the fact's bar; it has to have one."""
        assert self.open_time_ms is not None
        return self.open_time_ms


class FactBook:
    """Collect the facts of one chart, each of them once; ids are given in the order of asking."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._facts: dict[Fact, Fact] = {}

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return every fact that was asked for."""
        return tuple(self._facts.values())

    def price(self, field: PriceField, bar: int) -> Fact:
        """Return a price of one bar."""
        value, time_ms = self._chart.price(field, bar), self._time_ms(bar)
        return self._keep(Fact(Operation.VALUE, field, value, bar=bar, open_time_ms=time_ms))

    def extreme(self, field: Field, bar: int) -> Fact:
        """Return the highest high, the lowest low or the largest volume of all, which stands at this bar."""
        value = self._chart.volume(bar) if field == "volume" else self._chart.price(field, bar)
        return self._keep(
            Fact(
                Operation.MINIMUM if field == "low" else Operation.MAXIMUM,
                field,
                value,
                spoken=_spoken(value) if field == "volume" else None,
                bar=bar,
                open_time_ms=self._time_ms(bar),
                first_bar=0,
                last_bar=self._chart.last,
            )
        )

    def volume(self, bar: int) -> Fact:
        """Return the volume of one bar."""
        value, time_ms = self._chart.volume(bar), self._time_ms(bar)
        spoken = _spoken(value)
        return self._keep(
            Fact(Operation.VALUE, "volume", value, spoken=spoken, bar=bar, open_time_ms=time_ms)
        )

    def total_volume(self, total: Decimal) -> Fact:
        """Return the volume of all bars together."""
        last, spoken = self._chart.last, _spoken(total)
        return self._keep(Fact(Operation.SUM, "volume", total, spoken=spoken, first_bar=0, last_bar=last))

    def median(self, median: Decimal, first_bar: int, last_bar: int) -> Fact:
        """Return the median volume of some bars."""
        return self._keep(
            Fact(
                Operation.MEDIAN,
                "volume",
                median,
                spoken=_spoken(median),
                first_bar=first_bar,
                last_bar=last_bar,
            )
        )

    def change(self, base: tuple[int, PriceField], bar: int, field: PriceField = "close") -> Fact:
        """Return the change from one price to another, in percent."""
        base_bar, base_field = base
        percent = percent_change(self._chart.price(base_field, base_bar), self._chart.price(field, bar))
        return self._keep(
            Fact(
                Operation.CHANGE_PERCENT,
                field,
                percent,
                bar=bar,
                open_time_ms=self._time_ms(bar),
                base_bar=base_bar,
                base_field=base_field,
            )
        )

    def count(self, field: str, count: int) -> Fact:
        """Return how many there are of something among all bars."""
        last = len(self._chart.bars) - 1
        if last < 0:
            return self._keep(Fact(Operation.COUNT, field, Decimal(count)))
        return self._keep(Fact(Operation.COUNT, field, Decimal(count), first_bar=0, last_bar=last))

    def missing(self, gap: Gap, count: int) -> Fact:
        """Return how many bars are missing in a gap."""
        return self._keep(
            Fact(
                Operation.COUNT,
                "missing_bars",
                Decimal(count),
                start_ms=gap.span.start_ms,
                end_ms=gap.span.end_ms,
                reason=gap.reason.value,
            )
        )

    def turn(self, percent: Decimal) -> Fact:
        """Return the threshold of the legs."""
        last = self._chart.last
        return self._keep(Fact(Operation.TURN_PERCENT, "close", percent, first_bar=0, last_bar=last))

    def as_of(self, time_ms: int) -> Fact:
        """Return when the newest of the bars were read."""
        return self._keep(Fact(Operation.VALUE, "as_of_ms", Decimal(time_ms)))

    def _time_ms(self, bar: int) -> int:
        return self._chart.bars[bar].open_time_ms

    def _keep(self, fact: Fact) -> Fact:
        kept = self._facts.get(fact)
        if kept is None:
            kept = replace(fact, id=f"f{len(self._facts) + 1}")
            self._facts[fact] = kept
        return kept


def spoken_volume(value: Decimal) -> Decimal:
    """Return a volume as it is said, at most four digits that matter: 416.47265625 as 416.5, 48569 as 48570.

    Rounded half to even.
    """
    if not value:
        return value
    places = SPOKEN_VOLUME_DIGITS - 1 - value.adjusted()
    rounded = EXACT.quantize(value, Decimal(1).scaleb(-places))
    return value if rounded == value else exact_decimal(rounded)


def _spoken(value: Decimal) -> Decimal | None:
    spoken = spoken_volume(value)
    return None if spoken == value else spoken


def exact_decimal(value: Decimal) -> Decimal:
    """Return the same number without zeros at its end behind the point, and without an exponent."""
    whole = value.to_integral_value()
    return EXACT.quantize(whole, Decimal(1)) if value == whole else value.normalize(EXACT)
