"""Which topics are wanted by workers that feed none themselves: a sorted set in Redis, a term for each wish.

A worker repeats its wishes while it has listeners; those of a dead one lapse by themselves. Time is that of
Redis, so that the clocks of machines need not agree.
"""

import logging
from collections.abc import Collection
from typing import Any

from redis.asyncio import Redis

from utils.domain import Topic
from utils.tasks import heed_cancellation

# It belongs to no topic, and its braces keep it in one place all the same.
WISHES_KEY = "live:{wishes}:topics"
WISH_MS = 10_000
WISHES_MAX = 5_000

_LAPSE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
"""

# ARGV: term in ms, how many wishes there may be, topics. Returns how many there was no room for.
_WISH = f"""
{_LAPSE}
local held, refused = redis.call('ZCARD', KEYS[1]), 0
for i = 3, #ARGV do
    if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
        redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
    elseif held < tonumber(ARGV[2]) then
        redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i])
        held = held + 1
    else
        refused = refused + 1
    end
end
return refused
"""

_WISHES = f"""
{_LAPSE}
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""

log = logging.getLogger(__name__)


class Wishes:
    """Make and read the wishes; what Redis cannot do is raised as it comes."""

    def __init__(self, redis: Redis, *, term_ms: int = WISH_MS, wishes_max: int = WISHES_MAX) -> None:
        self._term_ms = term_ms
        # Two may be lost before a wish lapses.
        self.repeat_s = term_ms / 1_000 / 3
        self._wishes_max = wishes_max
        self._wish = redis.register_script(_WISH)
        self._wishes = redis.register_script(_WISHES)

    async def make(self, topics: Collection[Topic]) -> None:
        """Want the topics for another term."""
        texts = [topic.text for topic in topics]
        args: list[str | int] = [self._term_ms, self._wishes_max, *texts]
        refused: int = await heed_cancellation(self._wish(keys=[WISHES_KEY], args=args))
        if refused:
            log.warning("too many topics are wanted", extra={"refused": refused, "allowed": self._wishes_max})

    async def read(self) -> frozenset[Topic]:
        """Return every topic that is wanted."""
        texts: list[Any] = await heed_cancellation(self._wishes(keys=[WISHES_KEY]))
        return frozenset(Topic.parse(text.decode()) for text in texts)
