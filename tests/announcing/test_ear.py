"""Where moves and covers begin anew, what is too old to be told, and what is told of the feed."""

import pytest

from services.announcing.announcement import Absence, Extreme, FeedNews, Kind, Moved, Priority
from services.announcing.announcer import Announcer
from services.announcing.news import FeedChange, News, Side, Spike
from services.announcing.preferences import Mode, Preferences
from services.announcing.tape import EXTREME_BARS
from tests.announcing.simulation import START_MS, TOPIC, estimate
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Bar, BarState, Instrument, Timeframe, Topic

EVERYTHING = Preferences(mode=Mode.ALL)


def announcer_at(price, preferences=EVERYTHING):
    announcer = Announcer(preferences, estimate)
    announcer.begin(TOPIC, price=price, step=None, now_ms=START_MS)
    return announcer


def pay(announcer, now_ms, price, *, time_ms=None, **values):
    """Let an announcer hear of a price at a time, or later than that."""
    news = News(TOPIC, now_ms if time_ms is None else time_ms, price, price, price, **values)
    return announcer.hear(news, now_ms)


def feed(announcer, now_ms, *, lost, topic=TOPIC):
    announcer.hear(News(topic, now_ms, feed=FeedChange(lost, now_ms)), now_ms)


def next_said(announcer, now_ms):
    """Return the next that is said from this time on, and when; None where nothing waits."""
    while (due_ms := announcer.due_ms(now_ms)) is not None:
        now_ms = max(now_ms, due_ms)
        if (said := announcer.take(now_ms)) is not None:
            return said, now_ms
    return None


def said_feed(announcer, now_ms):
    said = next_said(announcer, now_ms)
    assert said is not None
    (part,) = said[0].parts
    assert isinstance(part, FeedNews)
    return part


def test_a_hole_that_is_filled_after_an_outage_is_covered_and_not_told_as_of_now():
    announcer, back_ms = announcer_at(100.0), START_MS + 31 * MINUTE_MS
    pay(announcer, START_MS, 100.0)
    spike = Spike(START_MS, 9.0, 1.0)
    for minute, price in ((1, 95.0), (2, 100.0)):
        bar = Bar(START_MS + minute * MINUTE_MS, price, price, price, price, 9.0, BarState.CLOSED)
        values = {"closed": bar, "spike": spike, "extremes": (Extreme(Side.LOW, price),)}
        assert pay(announcer, back_ms, price, time_ms=START_MS + minute * MINUTE_MS, **values) is None
    said, _ = next_said(announcer, back_ms)
    assert (said.kind, said.priority, len(said.parts)) == (Kind.BAR_CLOSE, Priority.ROUTINE, 1)
    assert said.parts[0].bars_count == 2
    assert (said.cover.low, said.cover.last) == (95.0, 100.0)


def test_a_price_that_stays_away_after_an_outage_is_told_with_the_first_one_of_now():
    announcer, back_ms = announcer_at(100.0), START_MS + 31 * MINUTE_MS
    assert pay(announcer, back_ms, 95.0, time_ms=START_MS + MINUTE_MS) is None
    said = pay(announcer, back_ms + 100, 95.1)
    assert (said.priority, said.event_time_ms) == (Priority.CRITICAL, back_ms + 100)


def test_moves_are_not_measured_from_an_old_price():
    announcer, back_ms = announcer_at(None), START_MS + 31 * MINUTE_MS
    assert pay(announcer, back_ms, 95.0, time_ms=START_MS) is None
    assert pay(announcer, back_ms + 100, 100.0) is None
    assert announcer.due_ms(back_ms + 100) is None


def test_after_a_catch_up_prices_are_covered_from_there():
    announcer = announcer_at(100.0)
    pay(announcer, START_MS + 1_000, 98.4)
    absence = Absence(START_MS, START_MS + 2_000, 100.0, 100.0, 98.4, 100.0)
    caught_up = announcer.catch_up(TOPIC, absence, START_MS + 2_000)
    pay(announcer, START_MS + 3_000, 100.6)
    said, _ = next_said(announcer, START_MS + 3_000)
    assert said.parts == (Moved(100.0, 100.6, 100.6, START_MS + 2_000),)
    assert (said.cover.open, said.cover.high, said.cover.low) == (100.0, 100.6, 100.0)
    assert said.cover.from_ms == caught_up.cover.to_ms
    assert said.conflated == 1


@pytest.mark.parametrize("before", [Mode.OFF, Mode.ALERTS])
def test_who_heard_of_no_prices_for_hours_begins_anew(before):
    announcer = announcer_at(100.0, Preferences(mode=before))
    pay(announcer, START_MS, 100.0)
    later_ms = START_MS + 2 * HOUR_MS
    announcer.prefer(Preferences(), later_ms)
    assert pay(announcer, later_ms + 1, 105.0) is None
    assert pay(announcer, later_ms + 2, 105.6) is None
    said, _ = next_said(announcer, later_ms + 2)
    assert (said.cover.open, said.cover.from_ms) == (105.0, later_ms)


def test_a_loss_that_was_told_is_followed_by_the_return_also_after_silence():
    announcer = announcer_at(100.0)
    feed(announcer, START_MS, lost=True)
    assert said_feed(announcer, START_MS).lost
    announcer.prefer(Preferences(mode=Mode.OFF), START_MS + 10_000)
    announcer.prefer(EVERYTHING, START_MS + 20_000)
    feed(announcer, START_MS + 30_000, lost=False)
    back = said_feed(announcer, START_MS + 30_000)
    assert (back.lost, back.lost_ms) == (False, 30_000)


def test_an_outage_that_began_in_silence_is_told_when_somebody_listens():
    announcer = announcer_at(100.0, Preferences(mode=Mode.OFF))
    feed(announcer, START_MS, lost=True)
    assert announcer.due_ms(START_MS + 60_000) is None
    announcer.prefer(Preferences(mode=Mode.OFF, words_per_minute=100), START_MS + 60_000)
    assert announcer.due_ms(START_MS + 60_000) is None
    announcer.prefer(EVERYTHING, START_MS + 60_000)
    lost = said_feed(announcer, START_MS + 60_000)
    assert (lost.lost, lost.since_ms) == (True, START_MS)


def test_the_length_of_an_outage_counts_from_the_loss_that_was_told():
    announcer = announcer_at(100.0)
    feed(announcer, START_MS, lost=True)
    assert said_feed(announcer, START_MS).lost
    feed(announcer, START_MS + 60_000, lost=False)
    feed(announcer, START_MS + 61_000, lost=True)
    feed(announcer, START_MS + 65_000, lost=False)
    assert said_feed(announcer, START_MS + 65_000).lost_ms == 65_000


def test_an_instrument_with_two_timeframes_is_one_symbol():
    announcer = announcer_at(100.0)
    hourly = Topic(TOPIC.instrument, Timeframe.parse("1h"))
    other = Topic(Instrument("crypto", "x", "ETH/USD"), TOPIC.timeframe)
    for topic in (hourly, other):
        announcer.begin(topic, price=None, step=None, now_ms=START_MS)
    for topic in (TOPIC, hourly):
        feed(announcer, START_MS, lost=True, topic=topic)
    assert said_feed(announcer, START_MS).symbols_count == 1
    for topic in (TOPIC, hourly):
        feed(announcer, START_MS + 60_000, lost=False, topic=topic)
    assert said_feed(announcer, START_MS + 60_000).symbols_count == 1
    for topic in (TOPIC, hourly, other):
        feed(announcer, START_MS + 120_000, lost=True, topic=topic)
    assert said_feed(announcer, START_MS + 120_000).symbols_count == 2


def reach(announcer, now_ms, extreme):
    """Let a price be an extreme, and return whether it is said as one."""
    pay(announcer, now_ms, extreme.price, extremes=(extreme,))
    said = next_said(announcer, now_ms)
    return said is not None and extreme in said[0].parts


def quiet_announcer():
    """Return an announcer that says no move, and holds an extreme to be far by 2.5."""
    announcer = announcer_at(100.0, Preferences(mode=Mode.ALL))
    pay(announcer, START_MS, 100.0)
    return announcer


def test_a_high_of_the_day_is_measured_against_that_day_only():
    announcer = quiet_announcer()
    noon_ms = START_MS // DAY_MS * DAY_MS + DAY_MS // 2
    assert reach(announcer, noon_ms, Extreme(Side.HIGH, 110.0))
    assert not reach(announcer, noon_ms + 5 * MINUTE_MS, Extreme(Side.HIGH, 110.01))
    assert reach(announcer, noon_ms + DAY_MS, Extreme(Side.HIGH, 100.3))


def test_a_high_of_the_newest_bars_is_measured_against_those_bars_only():
    announcer, bars_ms = quiet_announcer(), EXTREME_BARS * MINUTE_MS
    assert reach(announcer, START_MS, Extreme(Side.HIGH, 110.0))
    assert not reach(announcer, START_MS + bars_ms, Extreme(Side.HIGH, 105.0, EXTREME_BARS))
    later_ms = START_MS + bars_ms + MINUTE_MS
    assert reach(announcer, later_ms, Extreme(Side.HIGH, 105.0, EXTREME_BARS))
    # What is beyond those alone does not take the place of what was said of the day.
    assert not reach(announcer, later_ms + MINUTE_MS, Extreme(Side.HIGH, 110.01))


def test_a_volume_that_waits_is_told_as_it_is_by_then():
    announcer = quiet_announcer()
    assert reach(announcer, START_MS + 60_000, Extreme(Side.HIGH, 100.2))
    time_ms = START_MS + 60_500
    pay(announcer, time_ms, 100.2, spike=Spike(START_MS, 3.0, 1.0))
    pay(announcer, time_ms + 100, 100.2, grown=Spike(START_MS, 10.0, 1.0))
    said, _ = next_said(announcer, time_ms + 100)
    assert said.parts == (Spike(START_MS, 10.0, 1.0),)
    pay(announcer, time_ms + 20_000, 100.2, grown=Spike(START_MS, 20.0, 1.0))
    assert next_said(announcer, time_ms + 20_000) is None


def close_bar(announcer, now_ms, minute, price):
    bar = Bar(START_MS + minute * MINUTE_MS, price, price, price, price, 1.0, BarState.CLOSED)
    assert pay(announcer, now_ms, price, closed=bar) is None


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("price", [100.0, 110.0])
def test_bars_are_counted_from_the_message_before_and_the_newest_is_told(price, after):
    announcer, now_ms = announcer_at(100.0), START_MS + 5 * MINUTE_MS
    for minute in range(4):
        close_bar(announcer, now_ms, minute, 100.0)
    if price > 100.0:
        assert pay(announcer, now_ms, price).kind is Kind.MOVE
    else:
        announcer.catch_up(TOPIC, Absence(START_MS, now_ms, price, price, price, price), now_ms)
    for minute in range(4, 4 + after):
        close_bar(announcer, now_ms, minute, price)
    said, _ = next_said(announcer, now_ms)
    (closed,) = said.parts
    assert closed.bar.open_time_ms == START_MS + (3 + after) * MINUTE_MS
    assert closed.bars_count == after
