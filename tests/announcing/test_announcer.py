"""What is said and when, over seeded feeds: all that must be heard, once, and not too much of anything."""

import functools
import itertools
from collections import Counter

import pytest

from services.announcing.air_time import OCCUPIED_MAX, ROUTINE_MAX, TOTAL_MAX, WINDOW_MS
from services.announcing.announcement import KINDS, Absence, FeedNews, Kind, Moved, Priority
from services.announcing.announcer import JUMP_THRESHOLDS, Announcer
from services.announcing.feed_ear import FEED_HOLD_AGAIN_MS, FEED_HOLD_MS
from services.announcing.preferences import Mode, MoveThreshold, MoveUnit, Preferences
from services.announcing.tape import TopicTape
from tests.announcing.simulation import (
    APART_S,
    START_MS,
    TOPIC,
    calm_feed,
    estimate,
    listen,
    restless_feed,
    walking_feed,
)
from utils.domain import Bar, BarState

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


def test_what_must_be_heard_is_said_once_and_every_price_is_covered():
    for seed in SEEDS_SHORT:
        check_feed(seed)


@pytest.mark.long
def test_the_same_of_a_thousand_feeds():
    for seed in SEEDS_LONG:
        check_feed(seed)


def check_restless_feed(seed):
    """Fail where a message has no reason, a move is smaller than it claims, or a price is not covered."""
    feed = restless_feed(seed)
    threshold = (0.1, 0.5, 2.0)[seed % 3]
    move = MoveThreshold(MoveUnit.PERCENT, threshold)
    told = listen(feed, Preferences(mode=Mode.ALL, move=move, min_gap_s=(1.0, 10.0)[seed % 2]))
    for each in told:
        parts = each.announcement.parts
        assert KINDS[type(parts[0])] is each.announcement.kind
        least = threshold * (JUMP_THRESHOLDS if each.announcement.priority is Priority.CRITICAL else 1)
        for part in parts:
            if isinstance(part, Moved):
                assert abs(part.reached / part.from_price - 1) * 100 >= least - 1e-9, part
    check_cover(told, feed)
    assert busiest_minute(told, Priority.ROUTINE) <= ROUTINE_MAX
    return told


def test_a_feed_that_never_rests_is_told_of_truly():
    told = [each for seed in range(12) for each in check_restless_feed(seed)]
    assert {each.announcement.kind for each in told} == {*KINDS.values()} - {Kind.ALERT, Kind.CATCH_UP}


@pytest.mark.long
def test_the_same_of_a_thousand_feeds_that_never_rest():
    for seed in SEEDS_LONG:
        check_restless_feed(seed)


def pay(announcer, tape, after_ms, price):
    """Let an announcer hear one more price of the first minute."""
    bar = Bar(START_MS, 100.0, max(100.0, price), min(100.0, price), price, 1.0, BarState.FORMING)
    return announcer.hear(tape.observe(bar, START_MS + after_ms), START_MS + after_ms)


def test_a_move_that_waits_when_the_price_jumps_is_told_with_the_jump():
    announcer, tape = Announcer(Preferences(mode=Mode.ALL), estimate), TopicTape(TOPIC)
    announcer.begin(TOPIC, price=100.0, step=None, now_ms=START_MS)
    assert pay(announcer, tape, 1_000, 103.0).priority is Priority.CRITICAL
    assert pay(announcer, tape, 2_000, 103.7) is None
    assert announcer.due_ms(START_MS + 2_000) is not None
    jump = pay(announcer, tape, 2_100, 107.0)
    assert jump.parts == (Moved(103.0, 107.0, 107.0, START_MS + 1_000),)
    assert announcer.due_ms(START_MS + 2_100) is None


def test_a_move_that_waits_is_told_with_a_catch_up():
    announcer, tape = Announcer(Preferences(mode=Mode.ALL), estimate), TopicTape(TOPIC)
    announcer.begin(TOPIC, price=100.0, step=None, now_ms=START_MS)
    pay(announcer, tape, 1_000, 103.0)
    assert pay(announcer, tape, 2_000, 103.7) is None
    absence = Absence(START_MS, START_MS + 2_500, 100.0, 103.7, 100.0, 103.7)
    assert announcer.catch_up(TOPIC, absence, START_MS + 2_500).kind is Kind.CATCH_UP
    assert announcer.due_ms(START_MS + 2_500) is None


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


@functools.lru_cache(maxsize=1)
def long_walk(per_s):
    return walking_feed(7, per_s=per_s)


@pytest.mark.parametrize("mode", [Mode.IMPORTANT, Mode.ALL])
@pytest.mark.parametrize("per_s", RATES)
def test_no_minute_holds_more_than_six_routine_and_twelve_messages_at_any_rate(per_s, mode):
    told = listen(long_walk(per_s), Preferences(mode=mode))
    assert told
    assert busiest_minute(told, Priority.ROUTINE) <= ROUTINE_MAX
    assert busiest_minute(told) <= TOTAL_MAX
    assert occupied(told) <= OCCUPIED_MAX


def check_rates(seeds):
    """Fail where more or less is said for the same unrest told in more or fewer updates."""
    counts = Counter()
    for per_s in RATES:
        for seed in seeds:
            counts[per_s] += len(listen(walking_feed(seed, per_s=per_s, seconds=300)))
    mean = sum(counts.values()) / len(RATES)
    assert all(abs(count - mean) <= 0.2 * mean for count in counts.values()), counts


def test_how_much_is_said_does_not_depend_on_the_rate_of_updates():
    check_rates(range(3, 5))


@pytest.mark.long
def test_how_much_is_said_of_a_dozen_walks_does_not_depend_on_the_rate_of_updates():
    check_rates(range(12))


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
