"""How many calls of a provider are left in a month: counted in Redis, since all workers share the plan."""

from collections.abc import Callable
from datetime import UTC, datetime

from services.upstream.optional_redis import OptionalRedis, RedisAway
from utils.domain import DAY_MS, SECOND_MS, Timeframe
from utils.errors import UpstreamBusy
from utils.spoken import spoken_wait

MONTH = Timeframe(1, "M")
# Given: calls, those that must be left afterwards, the calls of a month, calls that were made without Redis
# and are counted now, and how long the count is kept. Answers: 1 if taken, and how many are used.
_TAKE = """
local used = redis.call('INCRBY', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if used + ARGV[1] + ARGV[2] > tonumber(ARGV[3]) then return {0, used} end
return {1, redis.call('INCRBY', KEYS[1], ARGV[1])}
"""


class MonthBudget:
    """Give out the calls of a month, in UTC.

    While Redis is away each worker has its share of what was left when it was last seen, and tells it
    afterwards.
    """

    def __init__(
        self,
        title: str,
        key: str,
        calls_max: int,
        *,
        redis: OptionalRedis,
        workers: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._title = title
        self._key = key
        self._calls_max = calls_max
        self._redis = redis
        self._workers = workers
        self._now_ms = now_ms
        self._script = redis.redis.register_script(_TAKE)
        self._month_ms = 0
        self._used = 0
        # Made while Redis was away, and unknown to it.
        self._owed = 0

    @property
    def used(self) -> int:
        """Return how many calls of this month are used, as far as is known here."""
        return 0 if MONTH.floor(self._now_ms()) != self._month_ms else self._used + self._owed

    async def take(self, calls: int, *, keep: int = 0) -> None:
        """Count calls that are about to be made, if that leaves ``keep`` of them for others.

        Raises: UpstreamBusy until the next month; none is counted then.
        """
        now_ms = self._now_ms()
        if self._month_ms != (month_ms := MONTH.floor(now_ms)):
            self._month_ms, self._used, self._owed = month_ms, 0, 0
        owed, self._owed = self._owed, 0
        try:
            taken = await self._take_shared(calls, keep, owed)
        except RedisAway:
            self._owed += owed
            share = (self._calls_max - self._used - keep) / self._workers
            taken = self._owed + calls <= share
            self._owed += calls if taken else 0
        except BaseException:
            # Whoever asked was stopped meanwhile. Rather count calls twice than never.
            self._owed += owed
            raise
        if not taken:
            raise self._used_up((MONTH.next(now_ms) - now_ms) / SECOND_MS)

    async def _take_shared(self, calls: int, keep: int, owed: int) -> bool:
        month = datetime.fromtimestamp(self._month_ms / SECOND_MS, UTC)
        kept_ms = MONTH.next(self._month_ms) - self._month_ms + DAY_MS
        arguments = [calls, keep, self._calls_max, owed, kept_ms]
        answer = await self._redis.ask(
            lambda: self._script(keys=[f"{self._key}:{month:%Y-%m}"], args=arguments)
        )
        # Answers to questions that were put at once may come in any order.
        self._used = max(self._used, int(answer[1]))
        return bool(answer[0])

    def _used_up(self, wait_s: float) -> UpstreamBusy:
        return UpstreamBusy(
            f"As many calls as this service makes to {self._title} in a month are made. "
            f"Try again in {spoken_wait(wait_s)}.",
            retry_after_s=wait_s,
        )
