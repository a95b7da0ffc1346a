"""One connection's announcements: what it hears, its timer, and the words of its language."""

import asyncio
from collections.abc import Callable, Iterable

from services.announcing.alerts import alert_news
from services.announcing.announcement import Absence, Announcement
from services.announcing.announcer import Announcer
from services.announcing.messages import Announce, AnnouncementsDue
from services.announcing.news import FeedChange, News
from services.announcing.preferences import Preferences
from services.announcing.wording import Steps, Words, words
from services.narration.voice import Voice, voice_for
from services.stores.announcements import Firing
from utils.clock import Clock
from utils.domain import Topic

Post = Callable[[Announce | AnnouncementsDue], None]


class Listening:
    """Turn news of topics into messages of one connection.

    What must be heard is posted at once, in words. For what may wait an ``AnnouncementsDue`` is posted when
    there is room for it, and ``due`` makes the messages when its turn comes: at most one of them waits.
    """

    def __init__(
        self,
        preferences: Preferences,
        *,
        clock: Clock,
        post: Post,
        steps_of: Callable[[Topic], Steps],
        accept_language: str | None = None,
    ) -> None:
        self._clock = clock
        self._post = post
        self._steps_of = steps_of
        self._accept_language = accept_language
        self._voice = self._find_voice(preferences)
        self._announcer = Announcer(preferences, self._speech_s)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        # What comes of a topic before its subscription is confirmed.
        self._unheard: dict[Topic, list[News]] = {}
        # Firings that come while older ones are still being read.
        self._held: list[Firing] | None = None
        self.sequence = 0

    @property
    def preferences(self) -> Preferences:
        """Return what the listener wants."""
        return self._announcer.preferences

    def prefer(self, preferences: Preferences) -> None:
        """Change what the listener wants. Raises: InvalidRequest for an unknown language or time zone."""
        self._voice = self._find_voice(preferences)
        self._announcer.prefer(preferences, self._clock.now_ms())
        self._set_timer()

    def begin(self, topic: Topic, price: float | None, loss: FeedChange | None = None) -> None:
        """Listen to a topic from now on, whose feed may be lost; nothing is said of it before ``confirm``."""
        now_ms = self._clock.now_ms()
        self._unheard[topic] = [] if loss is None else [News(topic, now_ms, feed=loss)]
        self._announcer.begin(topic, price=price, step=self._step_of(topic), now_ms=now_ms)

    def learn_step(self, topic: Topic) -> None:
        """Measure moves of a topic by the step of its instrument, if that is known by now."""
        self._announcer.learn_step(topic, self._step_of(topic))

    def confirm(self, topic: Topic) -> None:
        """Say from now on what there is to say of a topic."""
        for news in self._unheard.pop(topic, ()):
            self.hear(news)

    def end(self, topic: Topic) -> None:
        """Listen to a topic no more."""
        self._unheard.pop(topic, None)
        self._announcer.end(topic)

    def hear(self, news: News) -> None:
        """Take in what is new of a topic."""
        unheard = self._unheard.get(news.topic)
        if unheard is not None:
            unheard.append(news)
            return
        urgent = self._announcer.hear(news, self._clock.now_ms())
        if urgent is not None:
            self._post(self._in_words(urgent))
        if self._announcer.stirred:
            self._announcer.stirred = False
            self._set_timer()

    def catch_up(self, topic: Topic, absence: Absence) -> None:
        """Tell what was missed of a topic."""
        announcement = self._announcer.catch_up(topic, absence, self._clock.now_ms())
        if announcement is not None:
            self._post(self._in_words(announcement))

    def hold_firings(self, after_sequence: int) -> None:
        """Keep what fires from now on until ``replay`` has told what fired before."""
        self._held = []
        self.sequence = after_sequence
        self._announcer.told_firings(after_sequence)

    def replay(self, firings: Iterable[Firing]) -> None:
        """Tell what fired before, and then what was held."""
        held, self._held = self._held or [], None
        for firing in (*firings, *held):
            self.fire(firing)

    def fire(self, firing: Firing) -> None:
        """Tell that an alert of the listener's own has fired; each is told once."""
        if self._held is not None:
            self._held.append(firing)
            return
        now_ms = self._clock.now_ms()
        announcement = self._announcer.fire(firing.topic, alert_news(firing, now_ms), now_ms)
        self.sequence = max(self.sequence, firing.sequence)
        if announcement is not None:
            self._post(self._in_words(announcement))

    def due(self) -> list[Announce]:
        """Return what may be said at this moment, made of the prices of this moment."""
        messages = []
        while (announcement := self._announcer.take(self._clock.now_ms())) is not None:
            messages.append(self._in_words(announcement))
        self._set_timer()
        return messages

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step_of(self, topic: Topic) -> float | None:
        step = self._steps_of(topic).price
        return None if step is None else float(step)

    def _set_timer(self) -> None:
        now_ms = self._clock.now_ms()
        due_ms = self._announcer.due_ms(now_ms)
        if due_ms is None:
            self.close()
        elif self._timer is None or due_ms < self._timer_ms:
            self.close()
            self._timer_ms = due_ms
            self._timer = asyncio.get_running_loop().call_later((due_ms - now_ms) / 1_000, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._post(AnnouncementsDue())

    def _find_voice(self, preferences: Preferences) -> Voice:
        return voice_for(preferences.locale, self._accept_language, preferences.time_zone)

    def _words(self, announcement: Announcement) -> Words:
        steps = self._steps_of(announcement.topic)
        return words(announcement, steps, self._voice, self.preferences.verbosity)

    def _speech_s(self, announcement: Announcement) -> float:
        said = self._words(announcement)
        return said.speech_s(self.preferences.words_per_minute, self._voice.locale.code)

    def _in_words(self, announcement: Announcement) -> Announce:
        said, locale = self._words(announcement), self._voice.locale
        speech_s = said.speech_s(self.preferences.words_per_minute, locale.code)
        steps = self._steps_of(announcement.topic)
        return Announce(self.sequence, announcement, steps, said, speech_s, locale.code, locale.direction)
