"""What all workers know of exchanges together, as Redis keeps it: bans, and what is left of budgets."""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass

from services.upstream.keys import rate_key, until_key, upstream_key
from services.upstream.optional_redis import OptionalRedis, RedisAway
from services.upstream.rate_budget import cell_of
from services.upstream.state import ExchangeState

READS_AT_ONCE = 8

# KEYS: the turns that are paid for, until when nobody asks. Answers: ms until all turns are back, ms of the
# ban that are left.
_READ = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local owed = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) - now, 0)
return {math.ceil(owed), math.max(redis.call('PTTL', KEYS[2]), 0)}
"""


@dataclass(frozen=True, slots=True)
class SharedState:
    """Say how long nobody may ask an exchange, and how many questions could be put to it at once.

    ``budget_left`` is None where nobody counts.
    """

    ban_left_s: float = 0.0
    budget_left: int | None = None


class SharedStates:
    """Read what Redis knows of exchanges."""

    def __init__(self, redis: OptionalRedis) -> None:
        self._redis = redis
        self._script = redis.redis.register_script(_READ)
        self._reading = asyncio.Semaphore(READS_AT_ONCE)

    async def read(self, exchanges: Iterable[ExchangeState]) -> list[SharedState | None]:
        """Return what is known of each of the exchanges; None where Redis does not answer."""
        return await asyncio.gather(*map(self._read, exchanges))

    async def _read(self, state: ExchangeState) -> SharedState | None:
        key = upstream_key(state.market, state.exchange)
        keys = [rate_key(key), until_key(key)]
        async with self._reading:
            try:
                owed_ms, ban_ms = await self._redis.ask(lambda: self._script(keys=keys))
            except RedisAway:
                return None
        left = None
        if state.requests_per_s is not None:
            limit, period_ms = cell_of(state.requests_per_s)
            left = max(math.floor((period_ms - owed_ms) / (period_ms / limit)), 0)
        return SharedState(ban_ms / 1_000, left)
