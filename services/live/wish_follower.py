"""Feed what others wish for: the topics of workers that have listeners and no feeds."""

import asyncio
import logging
import random

from redis.exceptions import RedisError

from services.live.feeds import Feeds
from services.live.wishes import Wishes
from utils.domain import Topic
from utils.tasks import end_tasks

# At least and at most; by chance, so that several processes share what is wished for.
LOOK_MIN_S, LOOK_MAX_S = 0.2, 0.8

log = logging.getLogger(__name__)


class WishFollower:
    """Want of this worker's feeds whatever is wished for; a wish that lapsed is a listener who left."""

    def __init__(self, wishes: Wishes, feeds: Feeds) -> None:
        self._wishes = wishes
        self._feeds = feeds
        self._followed: frozenset[Topic] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._follow_for_ever(), name="live wish follower")

    async def close(self) -> None:
        """Stop looking; the feeds are ended by their keeper."""
        if self._task:
            await end_tasks([self._task])

    async def _follow_for_ever(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(LOOK_MIN_S, LOOK_MAX_S))  # noqa: S311 - no secret
            try:
                wished = await self._wishes.read()
            except (RedisError, OSError):
                # What was wished for still is, as far as anybody knows.
                log.info("live wishes not readable; trying again")
                continue
            for topic in wished - self._followed:
                self._feeds.want(topic)
            for topic in self._followed - wished:
                self._feeds.unwant(topic)
            self._followed = wished
