"""Histories made from a seed: flat, of one bar, with ties, gaps and forming bars, from 1e-8 to 1e9."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random

from services.history_query import History, HistoryQuery
from utils.domain import Bar, BarState, Gap, GapReason, Instrument, InstrumentSpec, Span, Timeframe

BITCOIN = Instrument("crypto", "bitstamp", "BTC/USD")
TIMEFRAMES = ("1s", "1m", "5m", "1h", "4h", "1d", "1w", "1M")
START_MS = 1_700_000_000_000
SHAPES = ("flat", "one bar", "two bars", "few ticks", "walk", "trend", "jumps", "thin", "empty", "long")
# Beyond this a float does not hold every tick.
TICKS_MAX = 10**12
REASONS = (GapReason.NO_TRADES, GapReason.OUTAGE, GapReason.UNFETCHED, GapReason.RETENTION)

Holed = tuple[tuple[Bar, ...], tuple[Gap, ...]]


@dataclass(frozen=True)
class Ticks:
    """Turn whole ticks into the floats that an exchange's prices become."""

    step: Decimal
    noisy: bool

    def price(self, ticks: int) -> float:
        # Some exchanges multiply: 594000.0 * 0.1 is 59400.00000000001.
        return ticks * float(self.step) if self.noisy else float(ticks * self.step)


def made_history(seed: int) -> History:
    """Return the history of a seed; every tenth seed has the same shape."""
    random = Random(seed)
    shape = SHAPES[seed % len(SHAPES)]
    timeframe = Timeframe.parse(random.choice(TIMEFRAMES))
    places = random.randrange(9)
    ticks = Ticks(Decimal(1).scaleb(-places), noisy=random.random() < 0.1)
    start_ms = timeframe.floor(START_MS + random.randrange(10**11))
    bars = _bars(random, shape, timeframe, start_ms, ticks)
    bars, gaps = _with_gaps(random, bars, timeframe)
    with_step = ticks.noisy or random.random() < 0.8
    stale = random.random() < 0.1
    return History(
        query=HistoryQuery(BITCOIN, timeframe),
        spec=InstrumentSpec(BITCOIN, "", "", price_step=float(ticks.step) if with_step else None),
        gaps=gaps,
        as_of_ms=start_ms + 123_456_789,
        stale=stale,
        next_ms=start_ms if random.random() < 0.1 else None,
        settled=False,
        bars=bars,
    )


def _bars(random: Random, shape: str, timeframe: Timeframe, start_ms: int, ticks: Ticks) -> tuple[Bar, ...]:
    places = -ticks.step.adjusted()
    count = {"one bar": 1, "two bars": 2, "empty": 0, "long": 300}.get(shape, random.randrange(2, 90))
    # From one tick to 1e9, whatever a tick is worth.
    close = max(1, int(10 ** random.uniform(0, 9 + places if places < 4 else 9)))
    if shape == "few ticks":
        close = random.randrange(1, 5)
    bars = []
    open_ms = start_ms
    for number in range(count):
        opened = close if random.random() < 0.8 else max(1, close + _move(random, shape, close))
        close = max(1, opened + _move(random, shape, close))
        low = max(1, min(opened, close) - abs(_move(random, shape, close)))
        high = max(opened, close) + abs(_move(random, shape, close))
        state = BarState.CORRECTED if random.random() < 0.03 else BarState.CLOSED
        if number == count - 1 and random.random() < 0.5:
            state = BarState.FORMING
        prices = (ticks.price(each) for each in (opened, high, low, close))
        bars.append(Bar(open_ms, *prices, _volume(random, shape), state))
        open_ms = timeframe.next(open_ms)
    return tuple(bars)


def _move(random: Random, shape: str, close: int) -> int:
    if shape == "flat" or random.random() < 0.1:
        return 0
    if shape == "few ticks":
        return random.choice((-1, 0, 1))
    if shape == "jumps" and random.random() < 0.1:
        return int(close * random.uniform(-0.5, 1.0)) if close < TICKS_MAX else -close // 2
    drift = 0.01 if shape == "trend" else 0.0
    return round(close * random.gauss(drift, 0.01)) or random.choice((-1, 0, 1))


def _volume(random: Random, shape: str) -> float:
    if shape == "flat":
        return 0.0
    if shape == "few ticks":
        return float(random.choice((0, 1, 1, 3, 9))) / 10
    return round(random.expovariate(1) * 10 ** random.uniform(-3, 9), random.randrange(9))


def _with_gaps(random: Random, bars: tuple[Bar, ...], timeframe: Timeframe) -> Holed:
    if len(bars) < 8 or random.random() < 0.5:
        return bars, ()
    left, gaps, number = list(bars), [], 1
    while number < len(bars) - 1:
        if random.random() < 0.05:
            length = min(random.randrange(1, 6), len(bars) - 1 - number)
            span = Span(bars[number].open_time_ms, timeframe.next(bars[number + length - 1].open_time_ms))
            gaps.append(Gap(span, random.choice(REASONS)))
            left = [bar for bar in left if not span.start_ms <= bar.open_time_ms < span.end_ms]
            number += length
        number += 1
    return tuple(left), tuple(gaps)
