"""When an alert fires, against an oracle that was written for this test."""

import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.announcing import price_window
from services.announcing.alerts import AlertWatch, first_state
from services.announcing.news import News
from services.stores.alerts import AlertKind, AlertState, AlertTerms, LogPlace, PriceAlert
from tests.announcing.alert_house import TOPIC

START_MS = 1_795_262_400_000
PRICES = st.lists(st.integers(80, 120), min_size=1, max_size=60)


def alert(kind, *, level=None, percent=None, window_ms=None, back="0", repeats=True, start=None):
    level = None if level is None else Decimal(level)
    percent = None if percent is None else Decimal(percent)
    terms = AlertTerms(TOPIC, kind, level, percent, window_ms, Decimal(back), repeats)
    return PriceAlert(1, 1, terms, first_state(kind, level, start), LogPlace(), 0, None, 0)


def news(number, price, *, high=None, low=None):
    return News(TOPIC, START_MS + number * 1_000, price, high or price, low or price)


def fired_at(watch, prices):
    changes = [
        watch.hear(news(number, float(price)), LogPlace(1, number + 1)) for number, price in enumerate(prices)
    ]
    return [
        number for number, change in enumerate(changes) if change is not None and change.fired is not None
    ]


@given(PRICES, st.integers(0, 10))
def test_a_crossing_fires_once_until_the_price_has_gone_back_far_enough(prices, back):
    expected, armed = [], prices[0] < 100
    for number, price in enumerate(prices[1:]):
        if armed and price >= 100:
            expected.append(number)
            armed = False
        elif not armed and price < 100 - back:
            armed = True
    watch = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100, back=back, start=prices[0]))
    assert fired_at(watch, prices[1:]) == expected


@given(PRICES, st.integers(0, 10))
def test_below_is_above_upside_down(prices, back):
    above = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100, back=back, start=prices[0]))
    below = AlertWatch(alert(AlertKind.CROSS_BELOW, level=100, back=back, start=200 - prices[0]))
    assert fired_at(above, prices[1:]) == fired_at(below, [200 - price for price in prices[1:]])


@given(PRICES, st.integers(0, 59))
def test_who_takes_over_anywhere_fires_where_the_one_before_would_have(prices, where):
    """The state that is stored, and the entries after it, are all there is to know."""
    whole = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100, back=2, start=90.0))
    first = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100, back=2, start=90.0))
    row, fired = first.alert, []
    for number, price in enumerate(prices[:where]):
        change = first.hear(news(number, float(price)), LogPlace(1, number + 1))
        if change is not None:
            fired += [number] if change.fired else []
            row = PriceAlert(1, 1, row.terms, change.state, change.place, 0, None, 0)
    # The second reads the whole log again.
    assert fired + fired_at(AlertWatch(row), prices) == fired_at(whole, prices)


@given(PRICES, st.integers(1, 20), st.integers(1, 20))
def test_a_move_within_a_window_fires_and_is_then_measured_anew(prices, percent, window):
    expected, begun = [], 0
    for number, price in enumerate(prices):
        seen = prices[max(begun, number - window) : number]
        if any(abs(price / other - 1) * 100 >= percent for other in (*seen, price)):
            expected.append(number)
            begun = number + 1
    watch = AlertWatch(alert(AlertKind.PERCENT_IN_WINDOW, percent=percent, window_ms=window * 1_000))
    assert fired_at(watch, prices) == expected


def test_an_excursion_between_two_entries_fires():
    watch = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100, start=90.0))
    change = watch.hear(news(0, 95.0, high=101.0), LogPlace(1, 1))
    assert change is not None
    assert change.fired is not None
    assert (change.state, change.fired.price) == (AlertState.ARMED, 95.0)


def test_a_price_that_went_back_in_the_same_entry_fires_when_it_comes_again():
    watch = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100, back=2, start=90.0))
    entries = [news(0, 95.0, high=101.0), news(1, 102.0), news(2, 99.0, high=103.0), news(3, 104.0)]
    fired = [
        bool((change := watch.hear(each, LogPlace(1, 1 + number))) and change.fired)
        for number, each in enumerate(entries)
    ]
    # From 99 it had not gone back far enough.
    assert fired == [True, True, False, False]


def test_an_alert_that_does_not_repeat_is_done():
    watch = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100, repeats=False, start=90.0))
    assert fired_at(watch, [101, 80, 101]) == [0]


def test_without_a_price_to_begin_from_the_first_one_decides():
    watch = AlertWatch(alert(AlertKind.CROSS_ABOVE, level=100))
    assert watch.alert.state is AlertState.NEW
    assert fired_at(watch, [105, 95, 105]) == [2]


def test_what_was_over_before_the_alert_was_made_counts_for_nothing():
    made = alert(AlertKind.CROSS_ABOVE, level=100, start=90.0)
    later = PriceAlert(1, 1, made.terms, made.state, made.place, 0, None, created_ms=START_MS + 5_000)
    assert fired_at(AlertWatch(later), [101] * 10) == [5]


ENTRIES = st.lists(
    st.tuples(st.integers(0, 9_000), st.integers(80, 120), st.integers(0, 6), st.integers(0, 6)), max_size=80
)


@given(ENTRIES, st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_what_is_told_of_a_move_is_what_all_prices_of_the_window_say(entries, percent, window, repeats):
    terms = alert(AlertKind.PERCENT_IN_WINDOW, percent=percent, window_ms=window * 1_000, repeats=repeats)
    watch, now_ms, prices, done = AlertWatch(terms), START_MS, [], False
    for number, (later_ms, last, above, below) in enumerate(entries):
        now_ms += later_ms
        high, low = last + above, last - below
        prices = [each for each in prices if each[0] >= now_ms - window * 1_000]
        pairs = [(low, last), (high, last)]
        if prices:
            pairs += [(min(each[1] for each in prices), high), (max(each[2] for each in prices), low)]
        first, reached = max(pairs, key=lambda pair: abs(pair[1] / pair[0] - 1))
        prices.append((now_ms, low, high))
        expected = None
        if abs(reached / first - 1) * 100 >= percent and not done:
            expected, prices, done = (reached, first), [], not repeats
        told = News(TOPIC, now_ms, float(last), float(high), float(low))
        change = watch.hear(told, LogPlace(1, number + 1))
        assert (change and (change.fired.price, change.fired.from_price)) == expected


@pytest.mark.parametrize("way", [1, -1])
def test_however_many_prices_a_window_holds_its_extreme_is_not_forgotten(way, monkeypatch):
    monkeypatch.setattr(price_window, "PRICES_MAX", 8)
    watch = AlertWatch(alert(AlertKind.PERCENT_IN_WINDOW, percent="9.99", window_ms=3_600_000))
    assert fired_at(watch, [1_000 + way * number for number in range(101)]) == [100]


def test_a_window_that_is_full_takes_little_memory():
    watch = AlertWatch(alert(AlertKind.PERCENT_IN_WINDOW, percent=90, window_ms=86_400_000))
    tracemalloc.start()
    try:
        for number in range(40_000):
            watch.hear(news(number, 1_000 + number / 1_000), LogPlace(1, number + 1))
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()
