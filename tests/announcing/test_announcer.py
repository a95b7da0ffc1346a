"""What is said and when, over seeded feeds: all that must be heard, once, and not too much of anything."""

import itertools
from collections import Counter

import pytest

from services.announcing.air_time import OCCUPIED_MAX, ROUTINE_MAX, TOTAL_MAX, WINDOW_MS
from services.announcing.announcement import FeedNews, Kind, Moved, Priority
from services.announcing.announcer import FEED_HOLD_AGAIN_MS, FEED_HOLD_MS
from services.announcing.preferences import Mode, Preferences
from tests.announcing.simulation import APART_S, calm_feed, estimate, listen, walking_feed

SEEDS_SHORT, SEEDS_LONG = range(40), range(1_000)
RATES = (1, 10, 50, 200)
LATENCY_MS = 1_000


def check_feed(seed):
    """Fail where anything critical is missed, doubled, late or made up, or a price is not covered."""
    feed = calm_feed(seed, per_s=(1, 4, 10)[seed % 3], log_every=1 + seed % 2)
    told = listen(feed)
    critical = [each for each in told if each.announcement.priority is Priority.CRITICAL]
    moves = [each for each in critical if each.announcement.kind is Kind.MOVE]
    assert len(moves) == len(feed.injected.jumps_ms)
    for each, jump_ms in zip(moves, feed.injected.jumps_ms, strict=True):
        assert jump_ms <= each.time_ms <= jump_ms + LATENCY_MS
    check_feed_news(critical, feed)
    assert len(critical) == len(moves) + 2 * len(feed.injected.gaps_ms)
    check_spikes(told, feed)
    check_cover(told, feed)


def check_feed_news(critical, feed):
    said = [each for each in critical if each.announcement.kind is Kind.FEED]
    parts = [each.announcement.parts[0] for each in said]
    assert [part.lost for part in parts] == [True, False] * len(feed.injected.gaps_ms)
    for index, (lost_ms, _) in enumerate(feed.injected.gaps_ms):
        assert lost_ms <= said[2 * index].time_ms <= lost_ms + FEED_HOLD_MS
        assert isinstance(parts[2 * index + 1], FeedNews)


def check_spikes(told, feed):
    spikes = [each for each in told if each.announcement.kind is Kind.VOLUME_SPIKE]
    # The usual volume is known only after twenty bars; none is made up.
    assert len(spikes) <= len(feed.injected.spikes_ms)


def check_cover(told, feed):
    """Every price lies inside the cover of the message that came at its time or after."""
    covers = [each.announcement.cover for each in told if each.announcement.cover is not None]
    for before, after in itertools.pairwise(covers):
        assert before.last == after.open
    begun_ms = feed.prices[0][0]
    for time_ms, price in feed.prices:
        held = [cover for cover in covers if cover.from_ms <= time_ms <= cover.to_ms and time_ms > begun_ms]
        if covers and begun_ms < time_ms < covers[-1].to_ms:
            assert any(cover.low <= price <= cover.high for cover in held), (time_ms, price)


@pytest.mark.parametrize("seed", SEEDS_SHORT)
def test_what_must_be_heard_is_said_once_and_every_price_is_covered(seed):
    check_feed(seed)


@pytest.mark.long
def test_the_same_of_a_thousand_feeds():
    for seed in SEEDS_LONG:
        check_feed(seed)


def busiest_minute(told, priority=None):
    times = [each.time_ms for each in told if priority in (None, each.announcement.priority)]
    return max((sum(start <= time <= start + WINDOW_MS for time in times) for start in times), default=0)


def occupied(told):
    """Return the largest part of any minute that messages which may wait made the speech take up."""
    spoken = [(each.time_ms, estimate(each.announcement) * 1_000) for each in told]
    return max(
        sum(length for time, length in spoken if end - WINDOW_MS <= time <= end) / WINDOW_MS
        for end, _ in spoken
    )


@pytest.mark.parametrize("mode", [Mode.IMPORTANT, Mode.ALL])
@pytest.mark.parametrize("per_s", RATES)
def test_no_minute_holds_more_than_six_routine_and_twelve_messages_at_any_rate(per_s, mode):
    told = listen(walking_feed(7, per_s=per_s), Preferences(mode=mode))
    assert told
    assert busiest_minute(told, Priority.ROUTINE) <= ROUTINE_MAX
    assert busiest_minute(told) <= TOTAL_MAX
    assert occupied(told) <= OCCUPIED_MAX


def test_how_much_is_said_does_not_depend_on_the_rate_of_updates():
    counts = Counter()
    for per_s in RATES:
        for seed in range(6):
            counts[per_s] += len(listen(walking_feed(seed, per_s=per_s, seconds=300)))
    mean = sum(counts.values()) / len(RATES)
    assert all(abs(count - mean) <= 0.2 * mean for count in counts.values()), counts


def test_a_crash_of_one_tick_is_said_with_its_depth_and_where_the_price_is_now():
    feed = next(
        feed
        for feed in (calm_feed(seed, log_every=2) for seed in range(200))
        if len(feed.injected.jumps_ms) == 1 and not feed.injected.gaps_ms
    )
    told = [each for each in listen(feed) if each.announcement.priority is Priority.CRITICAL]
    (moved,) = told[0].announcement.parts
    assert isinstance(moved, Moved)
    assert abs(moved.reached / moved.from_price - 1) > 0.029


def test_who_wants_alerts_only_hears_of_the_feed_and_of_no_prices():
    feed = next(
        feed for feed in map(calm_feed, range(50)) if feed.injected.gaps_ms and feed.injected.jumps_ms
    )
    told = listen(feed, Preferences(mode=Mode.ALERTS))
    assert [each.announcement.kind for each in told] == [Kind.FEED] * 2 * len(feed.injected.gaps_ms)


def test_who_wants_nothing_hears_nothing():
    assert not listen(walking_feed(1, per_s=4), Preferences(mode=Mode.OFF))


def test_the_constants_fit_each_other():
    assert FEED_HOLD_MS < 5_000 < FEED_HOLD_AGAIN_MS < APART_S * 1_000
