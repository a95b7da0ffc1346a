"""How often an exchange is asked: one budget for all workers, since they share an address."""

import asyncio
from collections.abc import Callable

from services.upstream.optional_redis import OptionalRedis, RedisAway
from services.upstream.refusals import busy
from utils.cell_rate import CELL_RATE_SCRIPT, LocalCellRate

# An exchange that allows a question in several seconds still lets a caller find a symbol and its bars.
AT_ONCE_MIN = 3


class RateBudget:
    """Give out turns to ask one exchange: as many as it allows in a second, none ahead of its time.

    While Redis is away each worker keeps to its own share.
    """

    def __init__(
        self,
        exchange: str,
        key: str,
        requests_per_s: float,
        *,
        redis: OptionalRedis,
        workers: int,
        steady_s: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._key = key
        self._redis = redis
        self._steady_s = steady_s
        self._script = redis.redis.register_script(CELL_RATE_SCRIPT)
        self._limit, self._period_ms = cell_of(requests_per_s)
        share_per_s = requests_per_s / workers
        share_limit = _at_once(share_per_s)
        self._share = LocalCellRate(share_limit, share_limit / share_per_s)

    async def take_turn(self, deadline_s: float) -> None:
        """Wait for a turn. Raises: UpstreamBusy at once when it lies beyond the deadline; none is used up."""
        patience_s = max(deadline_s - self._steady_s(), 0.0)
        try:
            taken, wait_s = await self._take_shared(patience_s)
        except RedisAway:
            taken, wait_s = self._share.take(self._steady_s(), patience_s=patience_s)
        if not taken:
            raise busy(self._exchange, wait_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _take_shared(self, patience_s: float) -> tuple[bool, float]:
        numbers = [self._limit, self._period_ms, int(patience_s * 1_000)]
        answer = await self._redis.ask(lambda: self._script(keys=[self._key], args=numbers))
        return bool(answer[0]), int(answer[3]) / 1_000


def cell_of(requests_per_s: float) -> tuple[int, float]:
    """Return how many questions may be put at once, and the ms in which so many come back; pure."""
    limit = _at_once(requests_per_s)
    return limit, limit * 1_000 / requests_per_s


def _at_once(requests_per_s: float) -> int:
    # As many as fit into a second.
    return max(AT_ONCE_MIN, int(requests_per_s))
