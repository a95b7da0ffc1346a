"""What a log says that is new: prices reached between entries, closes, extremes, volumes, the feed."""

from dataclasses import replace

import pytest

from services.announcing.news import Extreme, Past, Side
from services.announcing.tape import EXTREME_BARS, VOLUME_BARS, TopicTape
from services.live.log import FeedStatus
from tests.announcing.simulation import START_MS, TOPIC
from utils.domain import DAY_MS, MINUTE_MS, Bar, BarState, Gap, GapReason, Span

NOON_MS = START_MS // DAY_MS * DAY_MS + DAY_MS // 2


def bar(minute, price=100.0, *, high=None, low=None, volume=1.0, state=BarState.FORMING):
    open_ms = NOON_MS + minute * MINUTE_MS
    return Bar(open_ms, 100.0, high or max(price, 100.0), low or min(price, 100.0), price, volume, state)


def closed(minute, price=100.0, **values):
    return bar(minute, price, state=BarState.CLOSED, **values)


def warm_tape(*, whole=True):
    tape = TopicTape(TOPIC)
    history = [closed(minute - 60, high=110.0, low=90.0) for minute in range(60)]
    midnight_ms = NOON_MS // DAY_MS * DAY_MS
    tape.warm(history, midnight_ms if whole else history[0].open_time_ms)
    return tape


def test_a_price_that_was_reached_and_left_between_two_entries_is_news():
    tape = TopicTape(TOPIC)
    tape.observe(bar(0), NOON_MS)
    news = tape.observe(bar(0, 101.0, high=130.0), NOON_MS + 1)
    assert (news.high, news.low, news.last) == (130.0, 101.0, 101.0)
    later = tape.observe(bar(0, 102.0, high=130.0), NOON_MS + 2)
    assert (later.high, later.low) == (102.0, 102.0)


def test_what_a_bar_was_before_anybody_listened_is_no_news():
    news = TopicTape(TOPIC).observe(bar(0, 101.0, high=130.0, low=70.0), NOON_MS)
    assert (news.high, news.low) == (101.0, 101.0)


def test_a_close_is_told_once_and_a_correction_is_no_close():
    tape = TopicTape(TOPIC)
    tape.observe(bar(0), NOON_MS)
    assert tape.observe(closed(0), NOON_MS).closed == closed(0)
    assert tape.observe(closed(0), NOON_MS).closed is None
    assert tape.observe(bar(0, state=BarState.CORRECTED), NOON_MS).closed is None


def test_a_late_close_tells_what_it_adds_and_leaves_the_newest_price():
    tape = TopicTape(TOPIC)
    tape.observe(bar(0), NOON_MS)
    tape.observe(bar(1, 105.0), NOON_MS)
    news = tape.observe(closed(0, high=140.0), NOON_MS)
    assert (news.last, news.high, news.low) == (105.0, 140.0, 105.0)
    assert news.closed is not None


def test_the_high_of_the_day_is_known_where_the_day_is():
    tape = warm_tape()
    assert tape.observe(bar(1), NOON_MS).extremes == ()
    assert tape.observe(bar(1, 111.0), NOON_MS).extremes == (Extreme(Side.HIGH, 111.0),)
    assert tape.observe(bar(1, 89.0, high=111.0), NOON_MS).extremes == (Extreme(Side.LOW, 89.0),)


def test_where_the_day_is_not_known_the_newest_bars_are():
    tape = warm_tape(whole=False)
    tape.observe(bar(1), NOON_MS)
    assert tape.observe(bar(1, 111.0), NOON_MS).extremes == (Extreme(Side.HIGH, 111.0, EXTREME_BARS),)
    # Each price beyond all others is told once.
    assert tape.observe(bar(1, 111.0), NOON_MS).extremes == ()


@pytest.mark.parametrize("reason", GapReason)
def test_a_day_with_a_hole_that_may_hold_its_high_is_not_known(reason):
    midnight_ms = NOON_MS // DAY_MS * DAY_MS
    night = [replace(closed(0), open_time_ms=midnight_ms + minute * MINUTE_MS) for minute in range(-22, 60)]
    hole = Gap(Span(night[-1].open_time_ms + MINUTE_MS, NOON_MS - 60 * MINUTE_MS), reason)
    past = Past((*night, *(closed(minute, high=110.0) for minute in range(-60, 0))), (hole,))
    tape = TopicTape(TOPIC)
    tape.warm(past.bars, past.whole_from_ms)
    tape.observe(bar(1), NOON_MS)
    bars_count = 0 if reason is GapReason.NO_TRADES else EXTREME_BARS
    assert tape.observe(bar(1, 111.0), NOON_MS).extremes == (Extreme(Side.HIGH, 111.0, bars_count),)


def test_a_hole_of_the_day_before_leaves_the_day_known():
    bars = tuple(closed(minute) for minute in range(5))
    hole = Gap(Span(NOON_MS - DAY_MS, NOON_MS - MINUTE_MS), GapReason.OUTAGE)
    assert Past(bars, (hole,)).whole_from_ms == NOON_MS
    assert Past((), (hole,)).whole_from_ms is None


def test_a_volume_is_a_spike_against_the_bars_before_and_many_in_a_row_are_one():
    tape = warm_tape()
    assert tape.observe(bar(1, volume=2.9), NOON_MS).spike is None
    spike = tape.observe(bar(1, volume=3.1), NOON_MS).spike
    assert spike is not None
    assert (spike.volume, spike.mean) == (3.1, 1.0)
    assert tape.observe(closed(1, volume=9.0), NOON_MS).spike is None
    assert tape.observe(bar(2, volume=9.0), NOON_MS).spike is None
    tape.observe(closed(2, volume=0.5), NOON_MS)
    assert tape.observe(bar(3, volume=90.0), NOON_MS).spike is not None


def test_a_spike_grows_with_its_bar_and_no_further():
    tape = warm_tape()
    assert tape.observe(bar(1, volume=3.1), NOON_MS).grown is None
    grown = tape.observe(bar(1, volume=10.0), NOON_MS).grown
    assert grown is not None
    assert (grown.volume, grown.mean) == (10.0, 1.0)
    assert tape.observe(bar(1, volume=10.0), NOON_MS).grown is None
    assert tape.observe(bar(2, volume=20.0), NOON_MS).grown is None
    late = tape.observe(closed(1, volume=11.0), NOON_MS).grown
    assert late is not None
    assert (late.volume, late.mean) == (11.0, 1.0)


def test_without_history_nothing_is_a_spike():
    tape = TopicTape(TOPIC)
    for minute in range(VOLUME_BARS - 1):
        assert tape.observe(closed(minute, volume=1.0 + minute * 50), NOON_MS).spike is None


@pytest.mark.parametrize("state", ["stale", "delayed", "offline"])
def test_a_feed_that_is_lost_is_told_once_and_back_once(state):
    tape = TopicTape(TOPIC)
    assert tape.observe(FeedStatus("live", 1, ""), NOON_MS).feed is None
    lost = tape.observe(FeedStatus(state, 2, ""), NOON_MS).feed
    assert lost is not None
    assert (lost.lost, lost.since_ms) == (True, 2)
    assert tape.observe(FeedStatus(state, 3, ""), NOON_MS).feed is None
    back = tape.observe(FeedStatus("live", 4, ""), NOON_MS).feed
    assert back is not None
    assert not back.lost
