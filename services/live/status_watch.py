"""How the feeds of a worker's topics are, as far as this worker can know: one watch, told to all who listen.

The logs say what feeds say of themselves. That nobody feeds a topic, or that the logs cannot be read, nobody
can say there: each worker finds it out for itself.
"""

import asyncio
import logging
from collections.abc import Callable

from redis.exceptions import RedisError

from services.live.log import FeedStatus, LiveLog
from services.live.topic_status import LogReading, TopicStatus
from utils.clock import Clock
from utils.domain import Topic
from utils.tasks import end_tasks, start_apart

TICK_S = 1.0
LOOK_S = 2.0

log = logging.getLogger(__name__)


class StatusWatch:
    """Tell each change of a topic's status once, from the reading of its log and a look at its lease."""

    def __init__(
        self,
        log_: LiveLog,
        clock: Clock,
        tell: Callable[[Topic, FeedStatus], None],
        tick_s: float = TICK_S,
    ) -> None:
        self._log = log_
        self._clock = clock
        self._tell = tell
        self._tick_s = tick_s
        self._reading = LogReading()
        self._topics: dict[Topic, TopicStatus] = {}
        self._task: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Stop watching."""
        if self._task:
            await end_tasks([self._task])

    async def begin(self, topic: Topic) -> None:
        """Watch a topic, beginning with what is known of it."""
        if not self._topics:
            # Nobody listened, so nobody knew whether the logs could be read.
            self._reading.forget()
        # Before the log is asked: others may join meanwhile, and whoever asks may leave before it answers.
        status = self._topics.setdefault(topic, TopicStatus(self._reading, self._clock.steady_s()))
        if self._task is None or self._task.done():
            self._task = start_apart(self._watch_for_ever(), name="live status watch")
        feed = await self._log.feed_of(topic)
        if self._topics.get(topic) is not status:
            return
        if feed.held and status.feed is None:
            status.feed = feed.status
        self._say_due(topic, status)

    def end(self, topic: Topic) -> None:
        """Watch a topic no more."""
        self._topics.pop(topic, None)

    def said(self, topic: Topic) -> FeedStatus | None:
        """Return what was told of a topic last, for those who come later; None before the first word."""
        status = self._topics.get(topic)
        return None if status is None else status.said

    def hear(self, topic: Topic, feed: FeedStatus | None) -> None:
        """Note what a topic's log says of its feed; None when there were bars."""
        status = self._topics.get(topic)
        if status is None:
            return
        status.hear(feed, self._clock.steady_s())
        if feed is not None:
            self._say_due(topic, status)

    @property
    def is_lost(self) -> bool:
        """Tell whether the logs cannot be read at the moment."""
        return self._reading.lost_s is not None

    def lose(self) -> None:
        """Note that the logs could not be read."""
        self._reading.lose(self._clock.steady_s())

    def regain(self) -> None:
        """Note that the logs were read."""
        self._reading.regain(self._clock.steady_s())

    async def _watch_for_ever(self) -> None:
        while self._topics:
            for topic, status in tuple(self._topics.items()):
                self._say_due(topic, status)
            await asyncio.sleep(self._tick_s)
            await self._see_leases(self._clock.steady_s())

    async def _see_leases(self, asked_s: float) -> None:
        # Who said something a moment ago is there.
        unseen = [topic for topic, status in self._topics.items() if asked_s - status.fed_s >= LOOK_S]
        try:
            held = await self._log.held(unseen) if unseen else ()
        except (RedisError, OSError):
            # What waits for news notices a silent server later than who asks it.
            self._reading.lose(asked_s)
            return
        for topic in held:
            if topic in self._topics:
                self._topics[topic].see_lease(asked_s)

    def _say_due(self, topic: Topic, status: TopicStatus) -> None:
        due = status.due(self._clock.steady_s(), self._clock.now_ms())
        if due is not None:
            self._tell(topic, due)
