"""What is true of a history, worked out with decimals and fractions from its bars, by nothing of the product.

Written from docs/descriptions.md, slowly and plainly, so that the product can be held against it.
"""

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from statistics import median

from services.history_query import History
from utils.domain import BarState

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
PRICES = ("open", "high", "low", "close")


class Truth:
    """Answer questions about one history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.bars = history.bars
        step = history.spec.price_step
        self.step = None if step is None else _plain(Decimal(repr(step)))
        self.prices = {name: [self.price(getattr(bar, name)) for bar in self.bars] for name in PRICES}
        self.volumes = [Decimal(repr(bar.volume)) for bar in self.bars]
        self.closes = self.prices["close"]

    def price(self, value: float) -> Decimal:
        exact = Decimal(repr(value))
        if self.step is not None:
            with localcontext() as context:
                context.prec = 60
                nearest = (exact / self.step).to_integral_value() * self.step
                if abs(nearest - exact) <= abs(exact) * Decimal("1e-14"):
                    return nearest.quantize(self.step)
        return _plain(exact)

    def price_text(self, value: Decimal) -> str:
        return f"{value:,f}"

    def time(self, open_ms: int) -> str:
        unit = self.history.query.timeframe.unit
        moment = datetime.fromtimestamp(open_ms / 1000, UTC)
        month = MONTHS[moment.month - 1]
        if unit in "mh":
            return f"{moment.day} {month}{self.year_said(moment)}, {moment:%H:%M}"
        if unit == "s":
            return f"{moment.day} {month}{self.year_said(moment)}, {moment:%H:%M:%S}"
        if unit == "M":
            return f"{month} {moment.year}"
        return f"{'week of ' if unit == 'w' else ''}{moment.day} {month} {moment.year}"

    def year_said(self, moment: datetime) -> str:
        """Return the year where it is not clear: bars of two of them, or of half a year ago."""
        bars, as_of_ms = self.history.bars, self.history.as_of_ms
        first, last = (bars[place].open_time_ms for place in (0, -1))
        years = {datetime.fromtimestamp(each / 1000, moment.tzinfo).year for each in (first, last)}
        return f" {moment.year}" if len(years) > 1 or as_of_ms - last > 180 * 86_400_000 else ""

    def bar_at(self, time: str) -> list[int]:
        return [number for number, bar in enumerate(self.bars) if self.time(bar.open_time_ms) == time]

    def base(self, number: int) -> tuple[int, str]:
        timeframe = self.history.query.timeframe
        bar = self.bars[number]
        if number and timeframe.next(self.bars[number - 1].open_time_ms) == bar.open_time_ms:
            return number - 1, "close"
        return number, "open"

    @cached_property
    def ratios(self) -> list[Fraction]:
        bases = [self.base(number) for number in range(len(self.bars))]
        pairs = zip(bases, self.closes, strict=True)
        return [Fraction(close) / Fraction(self.prices[field][base]) for (base, field), close in pairs]

    def biggest(self, *, rise: bool) -> int | None:
        best = max(self.ratios) if rise else min(self.ratios)
        return self.ratios.index(best) if (best > 1 if rise else best < 1) else None

    @cached_property
    def moved(self) -> tuple[int, int, int]:
        rose, fell = sum(each > 1 for each in self.ratios), sum(each < 1 for each in self.ratios)
        return rose, fell, len(self.ratios) - rose - fell

    @cached_property
    def spikes(self) -> list[tuple[int, Decimal]]:
        """Return bars and medians, the greatest ratio first."""
        found = []
        for number, bar in enumerate(self.bars):
            before = self.volumes[max(0, number - 20) : number]
            if len(before) < 10 or bar.state is BarState.FORMING:
                continue
            with localcontext() as context:
                context.prec = 60
                middle, volume = median(before), self.volumes[number]
                if middle and volume >= 3 * middle:
                    found.append((-Fraction(volume) / Fraction(middle), number, middle))
        return [(number, middle) for _, number, middle in sorted(found)]

    def records(self, field: str) -> list[tuple[int, int]]:
        values = self.prices[field]
        beyond = max if field == "high" else min
        found = []
        for number in range(1, len(values)):
            record = beyond(values[:number])
            holder = values[:number].index(record)
            if beyond(values[number], record) != record and number - holder >= 20:
                found.append((number, holder))
        return found

    @cached_property
    def turn(self) -> tuple[Decimal, list[int]]:
        """Return the threshold of the legs and the bars at their ends; 0 where nothing moved."""
        ranges = Fraction(0)
        for number in range(len(self.bars)):
            ends = [self.prices["high"][number], self.prices["low"][number]]
            ends += [self.closes[number - 1]] if number else []
            ranges += Fraction(max(ends)) - Fraction(min(ends))
        if not ranges:
            return Decimal(0), [0, len(self.bars) - 1]
        share = 100 * ranges / sum(map(Fraction, self.closes))
        factors = [factor * 2**power for power in range(200) for factor in (4, 5, 6, 7)]
        for factor in factors:
            percent = significant(share * factor, 2)
            ends = [0, *self._turns(Fraction(percent) / 100), len(self.bars) - 1]
            if len(ends) <= 13:
                return percent, ends
        raise AssertionError

    def _turns(self, part: Fraction) -> list[int]:
        closes = [Fraction(close) for close in self.closes]
        found, start, wanted = [], 0, ("up", "down")
        low = high = closes[0]
        for number, close in enumerate(closes):
            low, high = min(low, close), max(high, close)
            if "up" in wanted and close >= low * (1 + part):
                found.append(closes.index(low, start))
                start, wanted, low, high = number, ("down",), close, close
            elif "down" in wanted and close <= high * (1 - part):
                found.append(closes.index(high, start))
                start, wanted, low, high = number, ("up",), close, close
        return [number for number in found if number]

    def patterns_at(self, number: int) -> list[str]:
        """Return the names of the patterns that end with a bar."""
        return self.patterns[number]

    @cached_property
    def patterns(self) -> list[list[str]]:
        return [self._patterns_at(number) for number in range(len(self.bars))]

    def _patterns_at(self, number: int) -> list[str]:
        if self.bars[number].state is BarState.FORMING:
            return []
        found = _patterns_of_one(*(self.prices[name][number] for name in PRICES))
        before, field = self.base(number)
        if field == "close" and self.bars[before].state is not BarState.FORMING:
            one, two = ([self.prices[name][each] for name in PRICES] for each in (before, number))
            found += _patterns_of_two(one, two)
        return found


def percent(first: Decimal, last: Decimal) -> Decimal:
    """Return a change: one decimal, or the first digit that is not 0."""
    change = (Fraction(last) - Fraction(first)) * 100 / Fraction(first)
    places = 1
    while change and abs(change) * 10**places < 1:
        places += 1
    if round(change * 10):
        places = 1
    if last and round(change * 10**places) == -100 * 10**places:
        # Almost everything was lost: what is left keeps a digit.
        while (change + 100) * 10**places < 1:
            places += 1
    return Decimal(round(change * 10**places)).scaleb(-places)


def significant(value: Fraction, digits: int) -> Decimal:
    """Return a number rounded to its first digits, half to even."""
    if not value:
        return Decimal(0)
    power = 0
    while value * Fraction(10) ** power >= 10**digits:
        power -= 1
    while value * Fraction(10) ** power < 10 ** (digits - 1):
        power += 1
    return Decimal(round(value * Fraction(10) ** power)).scaleb(-power)


def _patterns_of_one(opened: Decimal, high: Decimal, low: Decimal, close: Decimal) -> list[str]:
    body, whole = abs(close - opened), high - low
    above, below = high - max(opened, close), min(opened, close) - low
    found = []
    if whole > 0 and body <= whole / 20:
        found.append("doji")
    if body > whole / 20 and below >= 2 * body and above <= body / 2:
        found.append("hammer")
    if body > whole / 20 and above >= 2 * body and below <= body / 2:
        found.append("shooting star")
    return found


def _patterns_of_two(one: list[Decimal], two: list[Decimal]) -> list[str]:
    (open_1, high_1, low_1, close_1), (open_2, high_2, low_2, close_2) = one, two
    found = []
    if close_1 < open_1 and close_2 > open_2 and open_2 <= close_1 and close_2 >= open_1:
        found += ["rise that engulfs"] if close_2 - open_2 > open_1 - close_1 else []
    if close_1 > open_1 and close_2 < open_2 and open_2 >= close_1 and close_2 <= open_1:
        found += ["fall that engulfs"] if open_2 - close_2 > close_1 - open_1 else []
    if high_2 <= high_1 and low_2 >= low_1 and high_2 - low_2 < high_1 - low_1:
        found.append("inside bar")
    if high_2 > high_1 and low_2 < low_1:
        found.append("outside bar")
    return found


def missing_in(history: History, start_ms: int, end_ms: int) -> list[int]:
    """Return the opens of the bars that are missing from one time up to another."""
    timeframe, there = history.query.timeframe, {bar.open_time_ms for bar in history.bars}
    found, open_ms = [], timeframe.ceil(start_ms)
    while open_ms < end_ms:
        found += [] if open_ms in there else [open_ms]
        open_ms = timeframe.next(open_ms)
    return found


def _plain(value: Decimal) -> Decimal:
    text = f"{value:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
