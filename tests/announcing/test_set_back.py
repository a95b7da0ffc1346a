"""A clock of the machine that is set back: what is said keeps its pace, as if nobody had touched it."""

import asyncio

import pytest

from services.announcing.announcement import FeedNews, Kind, Priority
from services.announcing.announcer import JUMP_REARM_MS, Announcer
from services.announcing.feed_ear import FEED_HOLD_MS
from services.announcing.listening import Listening
from services.announcing.messages import AnnouncementsDue
from services.announcing.news import FeedChange, News
from services.announcing.preferences import Mode, Preferences
from services.announcing.wording import Steps
from tests.announcing.simulation import START_MS, TOPIC, estimate
from utils.clock import Clock
from utils.domain import HOUR_MS, Bar, BarState

DEADLINE_S = 5
GAP_MS = round(Preferences().min_gap_s * 1_000)


class Line:
    """A listener whose machine's clock can be set; the log has a clock of its own."""

    def __init__(self, **preferences: float) -> None:
        self.announcer = Announcer(Preferences(mode=Mode.ALL, **preferences), estimate)
        self.announcer.begin(TOPIC, price=100.0, step=None, now_ms=START_MS)
        self.passed_ms, self.ahead_ms = 0, 0

    @property
    def now_ms(self) -> int:
        return START_MS + self.passed_ms + self.ahead_ms

    def pay(self, price: float, closed: Bar | None = None):
        news = News(TOPIC, START_MS + self.passed_ms, price, price, price, closed)
        return self.announcer.hear(news, self.now_ms)

    def close(self) -> None:
        """Let a bar close."""
        bar = Bar(START_MS + self.passed_ms, 100.0, 100.0, 100.0, 100.0, 1.0, BarState.CLOSED)
        assert self.pay(100.0, bar) is None

    def wait_for_word(self, at_most_ms: int) -> int:
        """Return how long it takes until something is said."""
        begun_ms = self.passed_ms
        while self.passed_ms - begun_ms <= at_most_ms:
            if self.announcer.take(self.now_ms) is not None:
                return self.passed_ms - begun_ms
            self.passed_ms += 100
        raise AssertionError(f"silent for {at_most_ms} ms")


@pytest.mark.parametrize("back_ms", [0, 30_000, HOUR_MS])
def test_what_waits_is_said_as_soon_after_the_clock_was_set_back(back_ms):
    line = Line()
    line.close()
    assert line.wait_for_word(1_000) == 0
    line.close()
    line.ahead_ms = -back_ms
    assert line.announcer.due_ms(line.now_ms) == line.now_ms + GAP_MS
    assert line.wait_for_word(GAP_MS + 100) == GAP_MS


def test_a_clock_that_is_set_back_makes_no_room_in_the_minute():
    def said_in_a_minute(back_ms):
        line, said = Line(min_gap_s=1.0), 0
        for tick in range(600):
            line.passed_ms, line.ahead_ms = tick * 100, -back_ms * (tick // 100)
            line.close()
            said += line.announcer.take(line.now_ms) is not None
        return said

    assert said_in_a_minute(HOUR_MS) == said_in_a_minute(0)


def test_a_jump_after_the_clock_was_set_back_is_said_at_once():
    line = Line()
    assert line.pay(103.0).priority is Priority.CRITICAL
    line.ahead_ms = -HOUR_MS
    line.pay(103.0)
    line.passed_ms += JUMP_REARM_MS
    back = line.pay(100.5)
    assert (back.kind, back.priority) == (Kind.MOVE, Priority.CRITICAL)


def test_a_feed_that_was_lost_before_the_clock_was_set_back_is_told_in_time():
    line = Line()
    line.announcer.hear(News(TOPIC, START_MS, feed=FeedChange(True, START_MS)), line.now_ms)
    line.ahead_ms = -HOUR_MS
    assert line.announcer.due_ms(line.now_ms) == line.now_ms + FEED_HOLD_MS
    line.passed_ms += FEED_HOLD_MS
    (part,) = line.announcer.take(line.now_ms).parts
    assert isinstance(part, FeedNews)


async def test_the_timer_of_a_listener_rings_after_the_clock_was_set_back():
    now_ms, posted = START_MS, asyncio.Queue()
    listening = Listening(
        Preferences(mode=Mode.ALL, min_gap_s=1.0, words_per_minute=400),
        clock=Clock(now_ms=lambda: now_ms),
        post=posted.put_nowait,
        steps_of=lambda _: Steps(),
    )
    listening.begin(TOPIC, 100.0)
    listening.confirm(TOPIC)
    bar = Bar(START_MS, 100.0, 100.0, 100.0, 100.0, 1.0, BarState.CLOSED)
    async with asyncio.timeout(DEADLINE_S):
        listening.hear(News(TOPIC, START_MS, 100.0, 100.0, 100.0, bar))
        assert isinstance(await posted.get(), AnnouncementsDue)
        assert listening.due()
        now_ms -= HOUR_MS
        listening.hear(News(TOPIC, START_MS + 1_000, 100.0, 100.0, 100.0, bar))
        assert isinstance(await posted.get(), AnnouncementsDue)
    listening.close()
