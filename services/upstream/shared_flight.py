"""One worker at a time for one piece of work, such as filling a series; the others wait and look again."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.key_lease import KeyLease
from services.upstream.optional_redis import OptionalRedis, RedisAway

# A worker that dies keeps the others waiting for no longer than this.
TERM_MS = 6_000
RENEW_S = 2.0
# Nobody holds a turn for longer, whatever became of the work.
HOLD_MAX_S = 60.0
LOOK_EVERY_S = 0.05


class SharedFlight:
    """Give out turns by key, one at a time among all workers, and inside each of them.

    Whoever comes in looks again at what is left to do: another worker may just have done it::

        async with shared.turn(f"fill:{series_id}", timeout_s=3.0) as mine:
            ...
    """

    def __init__(self, redis: OptionalRedis, steady_s: Callable[[], float]) -> None:
        self._redis = redis
        self._lease = KeyLease(redis.redis, TERM_MS)
        self._steady_s = steady_s

    @asynccontextmanager
    async def turn(self, key: str, timeout_s: float) -> AsyncIterator[bool]:
        """Wait for whoever has the turn, at most ``timeout_s``, then go on in any case.

        Yields whether the turn is this caller's: not when the time was up, nor without Redis, where nobody
        waits. It is kept until the end of the block, a minute at most.
        """
        name, token = f"upstream:turn:{key}", secrets.token_hex(8)
        if not await self._take(name, token, timeout_s):
            yield False
            return
        keeping = asyncio.create_task(self._keep(name, token), name=f"keep {name}")
        try:
            yield True
        finally:
            keeping.cancel()
            try:
                await self._give_back(name, token)
            finally:
                await asyncio.wait([keeping])

    async def _take(self, name: str, token: str, timeout_s: float) -> bool:
        deadline_s = self._steady_s() + timeout_s
        try:
            while not await self._redis.ask(lambda: self._lease.take(name, token)):
                if self._steady_s() + LOOK_EVERY_S > deadline_s:
                    return False
                await asyncio.sleep(LOOK_EVERY_S)
        except RedisAway:
            return False
        except asyncio.CancelledError:
            # Redis may have given the turn in the very moment this caller was cancelled.
            await self._give_back(name, token)
            raise
        return True

    async def _keep(self, name: str, token: str) -> None:
        until_s = self._steady_s() + HOLD_MAX_S
        while self._steady_s() < until_s:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(RedisAway):
                if not await self._redis.ask(lambda: self._lease.renew(name, token)):
                    return

    async def _give_back(self, name: str, token: str) -> None:
        with contextlib.suppress(RedisAway):
            await self._redis.ask(lambda: self._lease.release(name, token))
