"""The feeds of a worker that has none: it wishes for them, and processes with feeds see to it."""

import asyncio
import logging
from collections import Counter

from redis.exceptions import RedisError

from services.live.feeds import KeptFeed
from services.live.wishes import Wishes
from utils.domain import Topic
from utils.tasks import end_tasks, start_apart, wait_at_most

RETRY_S = 0.5

log = logging.getLogger(__name__)


class RemoteFeeds:
    """Count the listeners of each topic, and keep its wish alive while there are any.

    A wish lapses some seconds after its last listener is gone: people switch charts back and forth.
    """

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._listeners: Counter[Topic] = Counter()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def want(self, topic: Topic) -> None:
        """Count one more listener; the first makes the wish."""
        self._listeners[topic] += 1
        if self._listeners[topic] == 1:
            self._news.set()
        if self._task is None or self._task.done():
            self._task = start_apart(self._wish_for_ever(), name="live wishes")

    def unwant(self, topic: Topic) -> None:
        """Count one listener less."""
        self._listeners[topic] -= 1
        if not self._listeners[topic]:
            del self._listeners[topic]

    @property
    def running(self) -> tuple[Topic, ...]:
        """Return nothing: feeds run elsewhere."""
        return ()

    @property
    def states(self) -> tuple[KeptFeed, ...]:
        """Return nothing, as ``running``."""
        return ()

    async def close(self) -> None:
        """Stop wishing; what was wished for lapses."""
        if self._task:
            await end_tasks([self._task])

    async def _wish_for_ever(self) -> None:
        while self._listeners:
            self._news.clear()
            try:
                await self._wishes.make(tuple(self._listeners))
            except (RedisError, OSError):
                log.warning("live topics could not be wished for; trying again")
                # New wishes must not hurry it: a Redis that is away is asked at this pace.
                await asyncio.sleep(RETRY_S)
                continue
            await wait_at_most(self._news, self._wishes.repeat_s)
