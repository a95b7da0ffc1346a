"""The rules of descriptions at their edges: exactly on a threshold, the first of equals, only closed bars."""

from decimal import Decimal

import pytest

from services.narration.chart import Chart, make_chart
from services.narration.facts import spoken_volume
from services.narration.landmarks import find_records, find_volume_spikes
from services.narration.patterns import PatternKind, find_patterns
from services.narration.segments import find_legs
from services.narration.statistics import find_statistics
from utils.domain import HOUR_MS, Bar, BarState, Timeframe

HOUR = Timeframe.parse("1h")
CENT = Decimal("0.01")
START_MS = 1_763_596_800_000

Prices = tuple[float, float, float, float]


def chart_of(*prices: Prices, forming: bool = False, hours: tuple[int, ...] = ()) -> Chart:
    """Return the chart of bars as open, high, low and close, at the hours given or one after another."""
    opens = hours or tuple(range(len(prices)))
    states = [BarState.CLOSED] * len(prices)
    if forming:
        states[-1] = BarState.FORMING
    rows = zip(opens, prices, states, strict=True)
    return make_chart(
        tuple(Bar(START_MS + hour * HOUR_MS, *each, 1.0, state) for hour, each, state in rows), HOUR, CENT
    )


def closing(*closes: float) -> Chart:
    """Return the chart of bars without any range that close at these prices."""
    return chart_of(*((close, close, close, close) for close in closes))


def with_volumes(*volumes: float, forming: bool = False) -> Chart:
    bars = [
        Bar(START_MS + hour * HOUR_MS, 1, 1, 1, 1, each, BarState.CLOSED) for hour, each in enumerate(volumes)
    ]
    if forming:
        last = bars[-1]
        bars[-1] = Bar(last.open_time_ms, 1, 1, 1, 1, last.volume, BarState.FORMING)
    return make_chart(tuple(bars), HOUR, None)


def kinds(*prices: Prices, forming: bool = False, hours: tuple[int, ...] = ()) -> list[PatternKind]:
    return [pattern.kind for pattern in find_patterns(chart_of(*prices, forming=forming, hours=hours), 10)]


def test_of_equal_bars_the_first_is_named() -> None:
    chart = chart_of((2, 3, 1, 2), (2, 3, 1, 2.5), (2.5, 3, 1, 2), (2, 2.5, 2, 2.5))
    found = find_statistics(chart)
    assert (found.high, found.low, found.largest_volume) == (0, 0, 0)
    # Twice from 2 to 2.5, once back.
    assert (found.biggest_rise, found.biggest_fall) == (1, 2)
    assert (found.rising, found.falling, found.unchanged) == (2, 1, 1)


def test_changes_are_compared_more_finely_than_floats_can() -> None:
    # A cent more on ten million is more than a cent more on ten million and a cent; for a float it is not.
    smaller, larger = (10_000_000.01, 10_000_000.02), (10_000_000.0, 10_000_000.01)
    assert smaller[1] / smaller[0] == larger[1] / larger[0]
    prices = [(opened, close, opened, close) for opened, close in (smaller, larger)]
    assert find_statistics(chart_of(*prices, hours=(0, 5))).biggest_rise == 1


def test_a_bar_after_a_gap_counts_from_its_own_open() -> None:
    prices = ((1.0, 1, 1, 1), (2.0, 2, 2, 2))
    assert find_statistics(chart_of(*prices)).biggest_rise == 1
    assert find_statistics(chart_of(*prices, hours=(0, 2))).biggest_rise is None


def test_noise_of_floats_makes_no_price_of_its_own() -> None:
    chart = closing(59399.99999999999, 59400.0, 59400.00000000001)
    assert len(set(chart.closes)) == 1
    assert chart.price("close", 0) == Decimal("59400.00")


@pytest.mark.parametrize(
    ("bar", "kind"),
    [
        ((11, 12, 10, 11.1), PatternKind.DOJI),
        ((11, 12, 10, 11.11), None),
        ((10, 10, 10, 10), None),
        ((10, 11.5, 8, 11), PatternKind.HAMMER),
        ((10, 11.51, 8, 11), None),
        ((10, 11.5, 8.01, 11), None),
        ((11, 13, 9.5, 10), PatternKind.SHOOTING_STAR),
        ((11, 13, 9.49, 10), None),
    ],
)
def test_a_pattern_of_one_bar_begins_exactly_at_its_threshold(bar: Prices, kind: PatternKind | None) -> None:
    assert kinds(bar) == ([] if kind is None else [kind])


BEFORE = (10.0, 10.5, 8.5, 9.0)


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        # The same body the other way round does not engulf.
        ((9.0, 10.5, 8.5, 10.0), []),
        ((9.0, 10.5, 8.5, 10.01), [PatternKind.ENGULFING_RISE]),
        ((8.9, 10.5, 8.5, 9.9), []),
        ((9.5, 10.5, 8.6, 9.5), [PatternKind.DOJI, PatternKind.INSIDE_BAR]),
        ((9.0, 10.6, 8.4, 9.7), [PatternKind.OUTSIDE_BAR]),
        ((9.0, 10.6, 8.5, 9.7), []),
    ],
)
def test_a_pattern_of_two_bars_begins_exactly_at_its_threshold(
    bar: Prices, expected: list[PatternKind]
) -> None:
    assert kinds(BEFORE, bar) == expected


def test_a_fall_engulfs_the_rise_before_it() -> None:
    assert kinds((9, 10.5, 8.5, 10), (10, 10.5, 8.5, 8.9)) == [PatternKind.ENGULFING_FALL]


def test_patterns_need_closed_bars_with_none_missing_between() -> None:
    engulfing = (BEFORE, (9.0, 10.5, 8.5, 10.01))
    assert kinds(*engulfing) == [PatternKind.ENGULFING_RISE]
    assert kinds(*engulfing, forming=True) == []
    assert kinds(*engulfing, hours=(0, 2)) == []


def test_only_the_newest_patterns_are_kept_in_their_order() -> None:
    doji = (10.0, 12.0, 10.0, 10.1)
    chart = chart_of(*[doji] * 5)
    assert [pattern.bars for pattern in find_patterns(chart, 2)] == [(3,), (4,)]


def test_a_spike_is_three_times_the_median_and_not_less() -> None:
    # Three times 0.1 is more than 0.3 for a float.
    assert [spike.bar for spike in find_volume_spikes(with_volumes(*[0.1] * 10, 0.3))] == [10]
    assert find_volume_spikes(with_volumes(*[0.1] * 10, 0.29)) == ()


def test_a_spike_needs_ten_bars_before_it_and_has_closed() -> None:
    assert find_volume_spikes(with_volumes(*[1] * 9, 9)) == ()
    assert find_volume_spikes(with_volumes(*[1] * 10, 9, forming=True)) == ()


def test_the_median_is_that_of_twenty_bars_at_most() -> None:
    (spike,) = find_volume_spikes(with_volumes(*[100] * 30, *[1, 2] * 10, 9))
    assert (spike.bar, spike.first_bar, spike.median) == (50, 30, Decimal("1.5"))


def test_spikes_come_greatest_first_and_equal_ones_in_order_of_time() -> None:
    found = find_volume_spikes(with_volumes(*[1] * 20, 4, *[1] * 20, 5, *[1] * 20, 4))
    assert [spike.bar for spike in found] == [41, 20, 62]


def test_a_record_has_to_have_stood_for_twenty_bars() -> None:
    assert [record.bar for record in find_records((5, *[1] * 19, 6), highest=True)] == [20]
    assert find_records((5, *[1] * 18, 6), highest=True) == ()
    assert find_records((5, *[1] * 19, 5), highest=True) == ()
    (low,) = find_records((5, *[9] * 19, 4), highest=False)
    assert (low.bar, low.broken_bar) == (20, 0)


def test_legs_meet_where_the_closes_turn() -> None:
    found = find_legs(closing(100, 110, 120, 110, 100, 90, 100, 110, 121))
    assert found is not None
    assert found.turn_percent == Decimal(34)
    assert [(leg.first_bar, leg.last_bar) for leg in found.legs] == [(0, 5), (5, 8)]


def test_a_turn_of_exactly_the_threshold_is_one() -> None:
    for last, turns in ((80.0, True), (80.01, False)):
        # The first bar reaches so high that four times all ranges are a fifth of all closes.
        reach = 0.05 * (99 + 40 * 100 + last) - 1 - (100 - last)
        first = (99.0, round(99 + reach, 2), 99.0, 99.0)
        chart = chart_of(first, *[(100.0, 100.0, 100.0, 100.0)] * 40, (100.0, 100.0, last, last))
        found = find_legs(chart)
        assert found is not None
        assert found.turn_percent == Decimal(20)
        assert (len(found.legs) == 2) is turns


def test_there_are_at_most_twelve_legs() -> None:
    found = find_legs(closing(*[100, 200] * 100))
    assert found is not None
    assert len(found.legs) <= 12


def test_what_never_moved_is_one_leg_without_a_threshold() -> None:
    found = find_legs(closing(7, 7, 7))
    assert found is not None
    assert (found.turn_percent, len(found.legs)) == (Decimal(0), 1)
    assert find_legs(closing(7)) is None


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        ("416.47265625", "416.5"),
        ("48569", "48570"),
        ("0.00012345", "0.0001234"),
        ("0.00012355", "0.0001236"),
        ("99999", "100000"),
        ("0.99996", "1"),
        ("12.5", "12.5"),
        ("0", "0"),
    ],
)
def test_volumes_are_said_with_four_digits(volume: str, said: str) -> None:
    assert f"{spoken_volume(Decimal(volume)):f}" == said
