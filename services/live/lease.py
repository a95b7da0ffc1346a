"""The lease of a topic: at most one worker feeds it, and another takes over when that one dies."""

import secrets

from redis.asyncio import Redis

from services.live.log import lease_key
from utils.domain import Topic
from utils.tasks import heed_cancellation

LEASE_MS = 6_000
RENEW_S = 2.0
# How often a worker that lost the race looks again.
RETRY_S = 1.0

_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Leases:
    """Take, renew and give back the leases of topics, each under a token of this worker."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self.token = secrets.token_hex(16)

    async def take(self, topic: Topic) -> bool:
        """Return whether this worker now holds the topic."""
        return bool(
            await heed_cancellation(self._redis.set(lease_key(topic), self.token, nx=True, px=LEASE_MS))
        )

    async def renew(self, topic: Topic) -> bool:
        """Return whether this worker still holds the topic, and for another full term."""
        return bool(
            await heed_cancellation(self._renew(keys=[lease_key(topic)], args=[self.token, LEASE_MS]))
        )

    async def release(self, topic: Topic) -> None:
        """Give the topic back, so that another worker need not wait for the term to end."""
        await self._release(keys=[lease_key(topic)], args=[self.token])
