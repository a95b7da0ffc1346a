"""How much is said in any minute, whatever there is to say; and feeds that come and go."""

from hypothesis import given
from hypothesis import strategies as st

from services.announcing.air_time import OCCUPIED_MAX, ROUTINE_MAX, TOTAL_MAX, WINDOW_MS, AirTime
from services.announcing.announcement import FeedNews, Priority
from services.announcing.announcer import Announcer
from services.announcing.feed_ear import FEED_HOLD_AGAIN_MS, FEED_HOLD_MS
from services.announcing.news import FeedChange, News
from services.announcing.preferences import Preferences
from tests.announcing.simulation import START_MS, TOPIC, estimate
from utils.domain import Instrument, Topic

WAITING = (Priority.ROUTINE, Priority.IMPORTANT)
MESSAGES = st.lists(
    st.tuples(st.sampled_from(WAITING), st.floats(0.1, 20), st.integers(0, 8_000)), min_size=1, max_size=60
)


@given(MESSAGES)
def test_no_minute_holds_more_than_there_is_room_for(messages):
    air, now_ms, said = AirTime(), START_MS, []
    for priority, speech_s, pause_ms in messages:
        now_ms = air.free_ms(priority, speech_s, now_ms + pause_ms)
        assert air.free_ms(priority, speech_s, now_ms) == now_ms
        air.say(priority, speech_s, now_ms)
        said.append((now_ms, priority, speech_s))
    for end_ms, _, _ in said:
        minute = [each for each in said if end_ms - WINDOW_MS <= each[0] <= end_ms]
        assert len(minute) < TOTAL_MAX
        assert sum(each[1] is Priority.ROUTINE for each in minute) <= ROUTINE_MAX
        assert sum(each[2] for each in minute) * 1_000 <= WINDOW_MS * OCCUPIED_MAX + len(minute)


@given(MESSAGES)
def test_no_message_that_may_wait_begins_while_another_is_spoken(messages):
    air, now_ms, spoken_until_ms = AirTime(), START_MS, 0.0
    for priority, speech_s, _ in messages:
        now_ms = air.free_ms(priority, speech_s, now_ms)
        assert now_ms >= spoken_until_ms - 1
        air.say(priority, speech_s, now_ms)
        spoken_until_ms = now_ms + speech_s * 1_000


def test_short_messages_are_not_held_back_without_need():
    air = AirTime()
    for number in range(ROUTINE_MAX):
        assert air.free_ms(Priority.ROUTINE, 0.1, START_MS + number * 1_000) == START_MS + number * 1_000
        air.say(Priority.ROUTINE, 0.1, START_MS + number * 1_000)
    assert air.free_ms(Priority.ROUTINE, 0.1, START_MS + 10_000) == START_MS + WINDOW_MS + 1
    assert air.free_ms(Priority.IMPORTANT, 0.1, START_MS + 10_000) == START_MS + 10_000


def feed(announcer, time_ms, *, lost):
    announcer.hear(News(TOPIC, time_ms, feed=FeedChange(lost, time_ms)), time_ms)


def lost_or_back(announcement):
    (part,) = announcement.parts
    assert isinstance(part, FeedNews)
    return part.lost


def test_a_feed_that_is_back_at_once_was_never_lost():
    announcer = Announcer(Preferences(), estimate)
    announcer.begin(TOPIC, price=None, step=None, now_ms=START_MS)
    feed(announcer, START_MS, lost=True)
    feed(announcer, START_MS + FEED_HOLD_MS - 1, lost=False)
    assert announcer.due_ms(START_MS + FEED_HOLD_MS) is None
    assert announcer.take(START_MS + 60_000) is None


def test_a_feed_that_comes_and_goes_is_told_more_slowly():
    announcer = Announcer(Preferences(), estimate)
    announcer.begin(TOPIC, price=None, step=None, now_ms=START_MS)
    now_ms, told = START_MS, []
    for number in range(40):
        feed(announcer, now_ms, lost=number % 2 == 0)
        now_ms += FEED_HOLD_MS + 1_000
        announcement = announcer.take(now_ms)
        told += [] if announcement is None else [(now_ms, lost_or_back(announcement))]
    losses = [time_ms for time_ms, lost in told if lost]
    assert [lost for _, lost in told] == [True, False] * len(losses)
    assert len(losses) <= (now_ms - START_MS) // 60_000 + 1
    assert FEED_HOLD_MS < FEED_HOLD_AGAIN_MS


def test_an_exchange_that_goes_away_with_all_its_symbols_is_one_message():
    announcer = Announcer(Preferences(), estimate)
    instruments = [Instrument("crypto", "x", f"C{number}/USD") for number in range(30)]
    topics = [Topic(instrument, TOPIC.timeframe) for instrument in instruments]
    for topic in topics:
        announcer.begin(topic, price=None, step=None, now_ms=START_MS)
        announcer.hear(News(topic, START_MS, feed=FeedChange(True, START_MS)), START_MS)
    announcement = announcer.take(START_MS + FEED_HOLD_MS)
    assert announcement is not None
    (part,) = announcement.parts
    assert isinstance(part, FeedNews)
    assert part.symbols_count == 30
    assert announcer.take(START_MS + FEED_HOLD_MS + 60_000) is None
