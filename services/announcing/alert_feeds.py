"""See to it that the topics of alerts are fed, also when nobody listens: one worker at a time does."""

import asyncio
import logging
import secrets

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.key_lease import KeyLease
from services.live.feeds import Feeds
from services.stores.alerts import select_alert_topics
from services.stores.losses import DATABASE_AWAY
from utils.domain import Topic
from utils.tasks import end_tasks

LEASE_KEY = "announcing:feeds"
LEASE_MS = 6_000
LOOK_EVERY_S = 2.0
TOPICS_MAX = 500

log = logging.getLogger(__name__)


class AlertFeeds:
    """Want a feed for every topic that an alert waits for."""

    def __init__(self, *, pool: asyncpg.Pool, redis: Redis, feeds: Feeds | None) -> None:
        self._pool = pool
        self._lease = KeyLease(redis, LEASE_MS)
        self._token = secrets.token_hex(16)
        self._feeds = feeds
        self._wanted: set[Topic] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take turns with the other workers from now on, if this one feeds."""
        if self._feeds is None:
            return
        self._task = asyncio.create_task(self._keep_looking(), name="feeds of alerts")

    async def close(self) -> None:
        """Want nothing any more, and let another worker begin at once."""
        if self._task is None:
            return
        await end_tasks([self._task])
        try:
            await self._lease.release(LEASE_KEY, self._token)
        except (RedisError, OSError):
            log.info("lease not given back; it ends by itself")

    async def _keep_looking(self) -> None:
        try:
            while True:
                try:
                    await self._look()
                except (*DATABASE_AWAY, RedisError, TimeoutError) as error:
                    # What is wanted stays wanted: another worker that wants the same does no harm.
                    log.warning("feeds of alerts not looked after", extra={"reason": str(error)})
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._want(set())

    async def _look(self) -> None:
        renewed = await self._lease.renew(LEASE_KEY, self._token)
        if renewed or await self._lease.take(LEASE_KEY, self._token):
            self._want(set(await select_alert_topics(self._pool, limit=TOPICS_MAX)))
        else:
            self._want(set())

    def _want(self, topics: set[Topic]) -> None:
        assert self._feeds is not None
        for topic in topics - self._wanted:
            self._feeds.want(topic)
        for topic in self._wanted - topics:
            self._feeds.unwant(topic)
        self._wanted = topics
