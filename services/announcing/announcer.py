"""What one listener is told, and when; pure: time is passed in, nothing is awaited, no word is made here.

``hear`` takes what is new of a topic and returns what must be said at once. What may wait is kept as facts
and not as a message: ``take`` makes the message of the moment in which there is room for it, so that no old
price is ever said, and everything since the message before is inside its ``cover``.
"""

from collections.abc import Callable
from dataclasses import replace

from services.announcing.air_time import AirTime
from services.announcing.announcement import (
    Absence,
    AlertNews,
    Announcement,
    FeedNews,
    Kind,
    Moved,
    Priority,
)
from services.announcing.ear import Ear
from services.announcing.news import LATE_MS, News
from services.announcing.preferences import Mode, Preferences
from utils.domain import Topic

# A move this many thresholds long must be heard at once.
JUMP_THRESHOLDS = 4
# For this long after a jump, the way back is no second one.
JUMP_REARM_MS = 60_000
IMPORTANT_GAP_MS = 3_000

# How long an announcement takes to be spoken, in seconds.
Estimate = Callable[[Announcement], float]


class Announcer:
    """Decide for one listener of any number of topics."""

    def __init__(self, preferences: Preferences, estimate: Estimate) -> None:
        self.preferences = preferences
        self._estimate = estimate
        self._air = AirTime()
        self._ears: dict[Topic, Ear] = {}
        self._waiting: dict[Topic, Ear] = {}
        self._said_ms: int | None = None
        self._newest_firing = 0
        self._noted_ms = 0
        # Whether what waits may have changed since somebody last looked and set this back.
        self.stirred = False

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Return what is listened to."""
        return tuple(self._ears)

    def begin(self, topic: Topic, *, price: float | None, step: float | None, now_ms: int) -> None:
        """Listen to a topic from now on, at this price if it is known."""
        self._note_time(now_ms)
        ear = self._ears[topic] = Ear(topic, step, now_ms)
        if price is not None:
            ear.anchor_at(price, now_ms, self.preferences.move)

    def learn_step(self, topic: Topic, step: float | None) -> None:
        """Measure moves of a topic by this step from now on."""
        ear = self._ears.get(topic)
        if ear is not None and step is not None:
            ear.step = step
            ear.measure(self.preferences.move)

    def end(self, topic: Topic) -> None:
        """Listen to a topic no more."""
        self._ears.pop(topic, None)
        self._waiting.pop(topic, None)

    def prefer(self, preferences: Preferences, now_ms: int) -> None:
        """Change what the listener wants; what waits is judged anew."""
        self._note_time(now_ms)
        before, mode = self.preferences.mode, preferences.mode
        silent = Mode.OFF in (before, mode) or (before is Mode.ALERTS and mode is not Mode.ALERTS)
        self.preferences = preferences
        for topic, ear in self._ears.items():
            if silent:
                # Who heard of no prices for a while begins anew with the next one.
                self._ears[topic] = Ear(topic, ear.step, now_ms, feed=ear.feed)
                continue
            ear.measure(preferences.move)
            ear.forget(mode)
        waiting = {topic: ear for topic, ear in self._ears.items() if ear.waits}
        self._waiting = {} if mode is Mode.OFF else waiting

    def hear(self, news: News, now_ms: int) -> Announcement | None:
        """Take in what is new of a topic; return what must be said at once."""
        ear = self._ears.get(news.topic)
        if ear is None:
            return None
        self._note_time(now_ms)
        if news.feed is not None:
            ear.feed.hear(news.feed, now_ms)
        if self.preferences.mode is Mode.OFF:
            return None
        if news.feed is not None:
            self._keep_waiting(ear)
        if news.last is None:
            return None
        if now_ms - news.time_ms > LATE_MS:
            self._hear_late(ear, news)
            return None
        if ear.anchor is None:
            ear.anchor_at(news.last, news.time_ms, self.preferences.move)
        ear.widen(news)
        moved = news.high >= ear.above or news.low <= ear.below
        if moved and self._is_jump(ear, news, now_ms):
            return self._jump(ear, news, now_ms)
        if (moved and not ear.moved) or news.closed is not None or news.extremes or news.spike is not None:
            ear.note(news, self.preferences.mode, moved=moved)
            self._keep_waiting(ear)
        return None

    def _hear_late(self, ear: Ear, news: News) -> None:
        ear.widen(news)
        if news.closed is not None:
            # It is told with the time of its bar.
            ear.note(replace(news, extremes=(), spike=None), self.preferences.mode, moved=False)
            self._keep_waiting(ear)

    def told_firings(self, sequence: int) -> None:
        """Take alerts up to this place of the record as told."""
        self._newest_firing = max(self._newest_firing, sequence)

    def fire(self, topic: Topic, alert: AlertNews, now_ms: int) -> Announcement | None:
        """Return the announcement of a user's own alert; None when it was told before."""
        if alert.sequence <= self._newest_firing or self.preferences.mode is Mode.OFF:
            return None
        self._newest_firing = alert.sequence
        self._note_time(now_ms)
        return self._say(
            Announcement(Kind.ALERT, Priority.CRITICAL, topic, alert.event_time_ms, (alert,)), now_ms
        )

    def catch_up(self, topic: Topic, absence: Absence, now_ms: int) -> Announcement | None:
        """Return what a listener who was away is told, once, before anything new of the topic."""
        self._note_time(now_ms)
        if self.preferences.mode is Mode.OFF:
            return None
        ear = self._ears.get(topic)
        if ear is not None and absence.last is not None:
            ear.caught_up(absence.last, absence.to_ms, self.preferences.move)
            self._keep_waiting(ear)
        announcement = Announcement(
            Kind.CATCH_UP, Priority.IMPORTANT, topic, now_ms, (absence,), absence.cover
        )
        return self._say(announcement, now_ms)

    def due_ms(self, now_ms: int) -> int | None:
        """Return when ``take`` may have something to say; None while nothing waits."""
        self._note_time(now_ms)
        return min((self._due_of(ear, now_ms) for ear in self._waiting.values()), default=None)

    def take(self, now_ms: int) -> Announcement | None:
        """Return the most important of what waits, as it is now; None when there is nothing or no room."""
        self._note_time(now_ms)
        feed = self._take_feed(now_ms)
        if feed is not None:
            return feed
        for ear in sorted(self._waiting.values(), key=lambda each: each.rank):
            if ear.priority is None or self._due_of(ear, now_ms) > now_ms:
                continue
            announcement = self._fitting(ear.announce(now_ms), now_ms)
            free_ms = self._free_ms(announcement, now_ms)
            if free_ms > now_ms:
                # It turned out longer than there is room for.
                ear.not_before_ms = free_ms
                continue
            self._settle(ear)
            return self._say(announcement, now_ms)
        return None

    def _note_time(self, now_ms: int) -> None:
        back_ms, self._noted_ms = self._noted_ms - now_ms, now_ms
        if back_ms <= 0:
            return
        # Whoever sets the machine's clock back silences nobody, and makes no room either.
        self._air.turn_back(back_ms)
        if self._said_ms is not None:
            self._said_ms -= back_ms
        for ear in self._ears.values():
            ear.turn_back(back_ms)

    def _fitting(self, announcement: Announcement, now_ms: int) -> Announcement:
        # Where there is no room for more, the reason alone.
        if len(announcement.parts) == 1 or self._free_ms(announcement, now_ms) <= now_ms:
            return announcement
        return replace(announcement, parts=announcement.parts[:1])

    def _free_ms(self, announcement: Announcement, now_ms: int) -> int:
        return self._air.free_ms(announcement.priority, self._estimate(announcement), now_ms)

    def _due_of(self, ear: Ear, now_ms: int) -> int:
        feed_ms = ear.feed.due_ms
        if ear.priority is None:
            return now_ms if feed_ms is None else feed_ms
        gap_ms = round(self.preferences.min_gap_s * 1_000)
        if ear.priority is Priority.IMPORTANT:
            gap_ms = min(gap_ms, IMPORTANT_GAP_MS)
        after_ms = now_ms if self._said_ms is None else self._said_ms + gap_ms
        due_ms = max(after_ms, ear.not_before_ms, self._air.free_ms(ear.priority, 0, now_ms))
        return due_ms if feed_ms is None else min(due_ms, feed_ms)

    def _is_jump(self, ear: Ear, news: News, now_ms: int) -> bool:
        assert ear.anchor is not None
        jump = ear.distance * JUMP_THRESHOLDS
        if self.preferences.mode not in (Mode.IMPORTANT, Mode.ALL):
            return False
        far = max(news.high - ear.anchor, ear.anchor - news.low) >= jump
        if far and ear.jumped_from is not None and now_ms - ear.jumped_ms < JUMP_REARM_MS:
            far = max(news.high - ear.jumped_from, ear.jumped_from - news.low) >= jump
        return far and not self._air.full(now_ms)

    def _jump(self, ear: Ear, news: News, now_ms: int) -> Announcement:
        assert ear.anchor is not None
        reached = news.high if news.high - ear.anchor >= ear.anchor - news.low else news.low
        moved = Moved(ear.anchor, reached, news.last or reached, ear.anchored_ms)
        ear.jumped_from, ear.jumped_ms = ear.anchor, now_ms
        if news.closed is not None or news.extremes or news.spike is not None:
            ear.note(news, self.preferences.mode, moved=False)
        announcement = Announcement(
            Kind.MOVE, Priority.CRITICAL, news.topic, news.time_ms, (moved,), ear.cover(), ear.conflated
        )
        ear.begin_cover(self.preferences.move)
        self._keep_waiting(ear)
        return self._say(announcement, now_ms)

    def _take_feed(self, now_ms: int) -> Announcement | None:
        due = [
            ear for ear in self._waiting.values() if ear.feed.due_ms is not None and ear.feed.due_ms <= now_ms
        ]
        if not due:
            return None
        topic, feed = due[0].topic, due[0].feed
        instrument = topic.instrument
        # One exchange that goes away takes all its symbols with it: that is one message.
        same = [
            ear
            for ear in due
            if ear.feed.lost == feed.lost
            and (ear.topic.instrument.market, ear.topic.instrument.exchange)
            == (instrument.market, instrument.exchange)
        ]
        symbols = {ear.topic.instrument for ear in same}
        news = FeedNews(feed.lost, feed.since_ms, feed.lost_ms, len(symbols))
        for ear in same:
            ear.feed.told(now_ms)
            self._keep_waiting(ear)
        announcement = Announcement(Kind.FEED, Priority.CRITICAL, topic, feed.since_ms, (news,))
        return self._say(announcement, now_ms)

    def _settle(self, ear: Ear) -> None:
        ear.begin_cover(self.preferences.move)
        ear.clear()
        self._keep_waiting(ear)

    def _keep_waiting(self, ear: Ear) -> None:
        self.stirred = True
        if ear.waits:
            self._waiting[ear.topic] = ear
        else:
            self._waiting.pop(ear.topic, None)

    def _say(self, announcement: Announcement, now_ms: int) -> Announcement:
        self._air.say(announcement.priority, self._estimate(announcement), now_ms)
        self._said_ms = now_ms
        return announcement
