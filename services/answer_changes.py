"""Which topics have changed behind ready answers: noted here, and told to every worker by way of Redis.

A stream carries the news, read by each worker when it next answers; a version for each topic makes what Redis
keeps of the answers themselves worthless at once. A Redis that was started again may hold what it held before
a change that it was told: the first worker that sees it tells a change of everything.
"""

import functools
import itertools
import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from services.upstream.optional_redis import OptionalRedis, RedisAway

STREAM = "answers:changes"
# Which life of Redis was last told a change of everything: it outlives that life, where Redis keeps anything.
LIFE = "answers:life"
STREAM_LENGTH_MAX = 10_000
READ_MAX = 1_000
# Outlives every answer in Redis, so that a version that was forgotten never meets an answer that was not.
VERSION_LIFE_S = 2 * 60 * 60
UNPUBLISHED_MAX = 10_000
# In place of a topic, stands for all of them.
EVERYTHING = "*"
GENERATIONS_MAX = 10_000
# Two commands each, within the deadline of one question to Redis.
TOLD_AT_ONCE = 500

log = logging.getLogger(__name__)

_Entries = list[tuple[bytes, dict[bytes, bytes]]]


def version_key(topic: str) -> str:
    """Return the key of a topic's version; the braces keep it on one node with the topic's answers."""
    return f"answer:{{{topic}}}:version"


@dataclass(slots=True)
class Generations:
    """Tell whether a topic has changed since one looked; bounded, and then everything has."""

    base: int = 0
    by_topic: dict[str, int] = field(default_factory=dict)

    def of(self, topic: str) -> tuple[int, int]:
        """Return what is another value as soon as the topic has changed."""
        return self.base, self.by_topic.get(topic, 0)

    def advance(self, topics: Collection[str] | None) -> None:
        """Know that these topics have changed; None stands for all of them."""
        if topics is None or len(self.by_topic) + len(topics) > GENERATIONS_MAX:
            self.base += 1
            self.by_topic.clear()
        for topic in topics or ():
            self.by_topic[topic] = self.by_topic.get(topic, 0) + 1


class AnswerChanges:
    """Publish changed topics, and read what any worker has published.

    ``unpublished`` holds what Redis could not be told: its answers there are not to be believed. Where that
    is too much to be noted, it is everything.
    """

    def __init__(self, redis: OptionalRedis) -> None:
        self._redis = redis
        self._position: bytes | None = None
        self._life: bytes | None = None
        self._numbers = itertools.count()
        # By the number of the newest change: what changes again while it is told is told again.
        self._unpublished: dict[str, int] = {}

    @property
    def unpublished(self) -> Collection[str]:
        """Return the names of what is still to be told."""
        return self._unpublished.keys()

    def is_told(self, topic: str) -> bool:
        """Tell whether Redis knows of every change of a topic that this worker made."""
        return topic not in self._unpublished and EVERYTHING not in self._unpublished

    async def publish(self, topics: Collection[str] = ()) -> None:
        """Tell every worker, also of what could not be told earlier. Raises: RedisAway."""
        self._note(topics)
        while self._unpublished:
            telling = dict(itertools.islice(self._unpublished.items(), TOLD_AT_ONCE))
            token = secrets.token_hex(8)
            await self._redis.ask(functools.partial(_publish, self._redis.redis, tuple(telling), token))
            for topic, number in telling.items():
                if self._unpublished.get(topic) == number:
                    del self._unpublished[topic]

    def _note(self, topics: Collection[str]) -> None:
        self._unpublished.update((topic, next(self._numbers)) for topic in topics)
        if len(self._unpublished) > UNPUBLISHED_MAX:
            self._unpublished = {EVERYTHING: next(self._numbers)}
            log.warning("too much has changed to be told one by one: every answer is to be made anew")

    async def read_new(self) -> tuple[str, ...] | None:
        """Return the topics published since the last call; None stands for all of them.

        Raises: RedisAway.
        """
        try:
            await self._heed_life()
            return await self._read_after(self._position)
        except RedisAway:
            # Redis may come back without its memory, and with it without what was told meanwhile.
            self._position = None
            raise

    async def _heed_life(self) -> None:
        life, told = await self._redis.ask(functools.partial(_look_at_life, self._redis.redis))
        if told != life:
            self._note((EVERYTHING,))
            await self.publish()
            await self._redis.ask(lambda: self._redis.redis.set(LIFE, life))
        if life != self._life or told != life:
            self._life, self._position = life, None

    async def _read_after(self, position: bytes | None) -> tuple[str, ...] | None:
        if position is not None:
            found = await self._xrange(min=b"(" + position, count=READ_MAX)
            if len(found) < READ_MAX:
                self._position = found[-1][0] if found else position
                topics = tuple(topic.decode() for _, fields in found for topic in fields.values())
                return None if EVERYTHING in topics else topics
        # Too much to read, or nothing read yet: what was there before is taken as changed.
        newest = await self._redis.ask(lambda: self._redis.redis.xrevrange(STREAM, count=1))
        self._position = cast("_Entries", newest)[0][0] if newest else b"0-0"
        return None

    async def _xrange(self, **bounds: Any) -> "_Entries":
        return cast("_Entries", await self._redis.ask(lambda: self._redis.redis.xrange(STREAM, **bounds)))


async def _look_at_life(redis: Redis) -> tuple[bytes, bytes | None]:
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.info("server")
        pipeline.get(LIFE)
        server, told = await pipeline.execute(raise_on_error=False)
    if isinstance(told, Exception):
        raise told
    # Who may not ask does not notice, and goes without.
    refused = isinstance(server, ResponseError)
    return b"unknown" if refused else str(server["run_id"]).encode(), told


async def _publish(redis: Redis, topics: Collection[str], token: str) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        # First the version: whoever has read the news must not find the old answer valid.
        for topic in topics:
            pipeline.set(version_key(topic), token, ex=VERSION_LIFE_S)
        for topic in topics:
            pipeline.xadd(STREAM, {"topic": topic}, maxlen=STREAM_LENGTH_MAX, approximate=True)
        await pipeline.execute()
