"""A key in Redis that one holder has at a time, and that frees itself when its holder dies."""

from redis.asyncio import Redis

from utils.tasks import heed_cancellation

_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class KeyLease:
    """Take, renew and give back keys for a term, each under the token of whoever holds it.

    What Redis cannot do is raised as it comes: a ``RedisError`` or an ``OSError``.
    """

    def __init__(self, redis: Redis, term_ms: int) -> None:
        self._redis = redis
        self._term_ms = term_ms
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)

    async def take(self, key: str, token: str) -> bool:
        """Return whether the token now holds the key."""
        return bool(await heed_cancellation(self._redis.set(key, token, nx=True, px=self._term_ms)))

    async def renew(self, key: str, token: str) -> bool:
        """Return whether the token still holds the key, and for another full term."""
        return bool(await heed_cancellation(self._renew(keys=[key], args=[token, self._term_ms])))

    async def release(self, key: str, token: str) -> None:
        """Give the key back, so that another need not wait for the term to end."""
        await self._release(keys=[key], args=[token])
