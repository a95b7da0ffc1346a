"""Sound keeps the order of prices: higher is never lower, equal is equal, what is missing is silent."""

import itertools
import tracemalloc
from dataclasses import replace
from decimal import Decimal

from services.history_query import History
from services.narration.chart import make_chart
from services.narration.describe import describe
from services.narration.numbers import exact_step
from services.narration.sonification import EMPTY, Sonification, count_opens, sonify
from services.narration.voice import voice_for
from tests.narration.charts import made_history
from utils.domain import HOUR_MS, Bar, BarState, Timeframe

HOUR = Timeframe.parse("1h")
FIELDS = ("open", "high", "low", "close")
SEEDS = range(120)


def sound_of(*bars: Bar) -> Sonification:
    return sonify(make_chart(bars, HOUR, None))


def bar_at(hour: int, *prices: float, volume: float = 1.0) -> Bar:
    return Bar(hour * HOUR_MS, *prices, volume, BarState.CLOSED)


def test_sound_keeps_the_order_of_every_number() -> None:
    # A test for each seed would take longer between the tests than in them.
    for seed in SEEDS:
        keeps_order(made_history(seed))


def keeps_order(history: History) -> None:
    chart = make_chart(history.bars, history.query.timeframe, exact_step(history.spec.price_step))
    sound = sonify(chart)
    prices, heard = [], []
    for field in FIELDS:
        present = [value for value in getattr(sound, field) if value is not None]
        assert len(present) == len(history.bars)
        prices += [chart.price(field, bar) for bar in range(len(history.bars))]
        heard += present
    check_order(prices, heard)
    volumes = [value for value in sound.volume if value is not None]
    check_order([Decimal(repr(bar.volume)) for bar in history.bars], volumes)


def check_order(numbers: list[Decimal], heard: list[float]) -> None:
    assert all(0 <= value <= 1 for value in heard)
    for (one, first), (two, second) in itertools.pairwise(sorted(zip(numbers, heard, strict=True))):
        assert first == second if one == two else first <= second


def test_each_missing_bar_between_two_is_silent() -> None:
    for seed in SEEDS:
        is_silent_where_bars_are_missing(made_history(seed))


def is_silent_where_bars_are_missing(history: History) -> None:
    sound = sonify(make_chart(history.bars, history.query.timeframe, None))
    opens = {bar.open_time_ms for bar in history.bars}
    expected = []
    open_ms = min(opens, default=0)
    while opens and open_ms <= max(opens):
        expected.append(open_ms in opens)
        open_ms = history.query.timeframe.next(open_ms)
    for field in (*FIELDS, "volume"):
        assert [value is not None for value in getattr(sound, field)] == expected


def test_the_domains_say_what_the_ends_stand_for() -> None:
    sound = sound_of(bar_at(0, 2, 4, 1, 3, volume=5), bar_at(1, 3, 5, 2, 4, volume=0))
    assert sound.price_domain == (Decimal(1), Decimal(5))
    assert sound.volume_domain == (Decimal(0), Decimal(5))
    assert (sound.open, sound.high, sound.low, sound.close) == (
        (0.25, 0.5),
        (0.75, 1.0),
        (0.0, 0.25),
        (0.5, 0.75),
    )
    assert sound.volume == (1.0, 0.0)


def test_prices_that_never_moved_are_in_the_middle() -> None:
    sound = sound_of(bar_at(0, 7, 7, 7, 7, volume=0))
    assert (sound.close, sound.volume) == ((0.5,), (0.0,))


def test_neighbours_among_floats_are_heard_apart() -> None:
    # In units of 1e-7 these have seventeen digits, more than a float holds of a whole number.
    prices = (1e9, 1000000000.0000001, 1000000000.0000002)
    sound = sound_of(*(bar_at(hour, *[price] * 4) for hour, price in enumerate(prices)))
    assert sound.close == (0.0, 0.5, 1.0)


def test_nothing_sounds_like_nothing() -> None:
    assert sonify(make_chart((), HOUR, None)) == EMPTY


def test_opens_are_counted_in_months_as_well() -> None:
    assert count_opens(Timeframe.parse("1M"), 0, 366 * 24 * HOUR_MS) == 13
    assert count_opens(HOUR, 1, 3 * HOUR_MS) == 2
    assert count_opens(HOUR, 2 * HOUR_MS, HOUR_MS) == 0


def test_what_is_not_played_is_not_laid_out() -> None:
    # Two seconds that were traded in, and three weeks of silence between them.
    bars = tuple(bar_at(hour, 1, 2, 1, 2) for hour in (0, 500))
    history = made_history(1)
    history = replace(
        history, bars=bars, gaps=(), query=replace(history.query, timeframe=Timeframe.parse("1s"))
    )
    tracemalloc.start()
    try:
        description = describe(history, voice_for("en", None))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert len(sonify(description.chart).close) == 500 * 3600 + 1
