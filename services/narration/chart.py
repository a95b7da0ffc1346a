"""A stretch of bars in exact whole numbers: no comparison, tie or median is ever a matter of rounding."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

from services.narration.numbers import exact_price
from utils.domain import Bar, Timeframe

PriceField = Literal["open", "high", "low", "close"]
Field = Literal["open", "high", "low", "close", "volume"]

PLACES_MAX = 15
# Below these, a whole number of units that gives the float back is what ``exact_price`` says as well: fifteen
# digits name one float, and with a step its tolerance for noise must stay far below one unit.
UNITS_MAX = 10**15
UNITS_WITH_STEP_MAX = 10**12


@dataclass(frozen=True, slots=True)
class Scale:
    """Measure numbers in units of ``10 ** -places``."""

    places: int

    def decimal(self, units: int) -> Decimal:
        """Return a whole number of units as the decimal that it stands for."""
        return Decimal(units).scaleb(-self.places)


@dataclass(frozen=True, slots=True)
class Chart:
    """Hold bars, oldest first, and their numbers in whole units; the four prices share one scale.

    ``follows`` tells of each bar whether it opens where the one before it ends, ``bases`` holds the price
    that its change counts from: the close right before it, else its own open.
    """

    bars: tuple[Bar, ...]
    timeframe: Timeframe
    price_step: Decimal | None
    price_scale: Scale
    volume_scale: Scale
    opens: tuple[int, ...]
    highs: tuple[int, ...]
    lows: tuple[int, ...]
    closes: tuple[int, ...]
    volumes: tuple[int, ...]
    bases: tuple[int, ...]
    follows: tuple[bool, ...]

    @property
    def last(self) -> int:
        """Return the index of the newest bar; there has to be one."""
        return len(self.bars) - 1

    def price(self, field: PriceField, bar: int) -> Decimal:
        """Return a price with exactly the decimals of the price step."""
        value: float = getattr(self.bars[bar], field)
        return exact_price(value, self.price_step)

    def volume(self, bar: int) -> Decimal:
        """Return the volume of a bar, every digit of it."""
        return exact_price(self.bars[bar].volume, None)

    def base(self, bar: int) -> tuple[int, PriceField]:
        """Return where the price of ``bases`` stands."""
        return (bar - 1, "close") if self.follows[bar] else (bar, "open")


def make_chart(bars: tuple[Bar, ...], timeframe: Timeframe, price_step: Decimal | None) -> Chart:
    """Return the chart of bars that are sorted by their opens."""
    # Field by field, so that each column is one slice.
    columns = [getattr(bar, name) for name in ("open", "high", "low", "close") for bar in bars]
    prices, price_scale = _units(columns, price_step)
    volumes, volume_scale = _units([bar.volume for bar in bars], None)
    count = len(bars)
    opens, closes = prices[:count], prices[3 * count :]
    follows = _follows(bars, timeframe)
    return Chart(
        bars=bars,
        timeframe=timeframe,
        price_step=price_step,
        price_scale=price_scale,
        volume_scale=volume_scale,
        opens=opens,
        highs=prices[count : 2 * count],
        lows=prices[2 * count : 3 * count],
        closes=closes,
        volumes=volumes,
        bases=tuple(closes[bar - 1] if follows[bar] else opens[bar] for bar in range(count)),
        follows=follows,
    )


def _follows(bars: tuple[Bar, ...], timeframe: Timeframe) -> tuple[bool, ...]:
    if not bars:
        return ()
    if timeframe.unit == "M":
        ends_ms = [timeframe.next(bar.open_time_ms) for bar in bars]
    else:
        ends_ms = [bar.open_time_ms + timeframe.approximate_ms for bar in bars]
    pairs = zip(ends_ms, bars[1:], strict=False)
    return (False, *(end_ms == bar.open_time_ms for end_ms, bar in pairs))


def _units(values: Sequence[float], step: Decimal | None) -> tuple[tuple[int, ...], Scale]:
    """Return the numbers in whole units of the largest unit that holds each of them exactly."""
    floats = np.array(values)
    units_max = UNITS_MAX if step is None else UNITS_WITH_STEP_MAX
    for places in range(PLACES_MAX + 1):
        power = float(10**places)
        units = np.rint(floats * power)
        if units.size and units.max() >= units_max:
            break
        # Both are exact, so the quotient is the float that is nearest to the decimal: the one it was read as.
        if (units / power == floats).all():
            return tuple(units.astype(np.int64).tolist()), Scale(places)
    exact = [exact_price(value, step) for value in values]
    places = max((-_exponent(number) for number in exact), default=0)
    return tuple(int(number.scaleb(places)) for number in exact), Scale(places)


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return min(exponent, 0)
