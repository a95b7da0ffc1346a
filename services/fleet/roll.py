"""Which workers there are: each tells of itself again and again, and who tells no more is forgotten.

Time is that of Redis, so that the clocks of machines need not agree.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from services.fleet.report import HeardReport, WorkerReport, decode_report, encode_report
from utils.tasks import heed_cancellation

# They belong together, and the braces keep them in one place.
UNTIL_KEY = "workers:{roll}:until"
REPORTS_KEY = "workers:{roll}:reports"
TELL_EVERY_S = 2.0
# Two tellings may be lost before a worker is taken for gone.
TERM_MS = 7_000
WORKERS_MAX = 500

# KEYS: until when each worker counts as there, what it told.
_LAPSE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
    redis.call('ZREM', KEYS[1], gone)
    redis.call('HDEL', KEYS[2], gone)
end
"""
# ARGV: who, what, term in ms.
_TELL = f"""
{_LAPSE}
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
"""
# ARGV: who.
_LEAVE = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
"""
# ARGV: term in ms, how many at most. Answers who, how many ms ago, what.
_READ = f"""
{_LAPSE}
local answer = {{}}
local there = redis.call('ZRANGE', KEYS[1], 0, ARGV[2] - 1, 'WITHSCORES')
for i = 1, #there, 2 do
    local told = redis.call('HGET', KEYS[2], there[i])
    if told then
        answer[#answer + 1] = {{there[i], now + ARGV[1] - there[i + 1], told}}
    end
end
return answer
"""


class Roll:
    """Tell of one worker, and read what all have told; what Redis cannot do is raised as it comes."""

    def __init__(self, redis: Redis) -> None:
        # Two in one process are two.
        self._own_id = secrets.token_hex(8)
        self._tell = redis.register_script(_TELL)
        self._leave = redis.register_script(_LEAVE)
        self._read = redis.register_script(_READ)

    async def tell(self, report: WorkerReport) -> None:
        """Tell how this worker is, for another term."""
        args: list[str | bytes | int] = [self._own_id, encode_report(report), TERM_MS]
        await heed_cancellation(self._tell(keys=[UNTIL_KEY, REPORTS_KEY], args=args))

    async def leave(self) -> None:
        """Be forgotten at once."""
        await self._leave(keys=[UNTIL_KEY, REPORTS_KEY], args=[self._own_id])

    async def read_others(self) -> Sequence[HeardReport]:
        """Return what the other workers told last; who runs another version of the program is left out."""
        rows: Any = await heed_cancellation(
            self._read(keys=[UNTIL_KEY, REPORTS_KEY], args=[TERM_MS, WORKERS_MAX])
        )
        heard = []
        for raw_id, age_ms, stored in rows:
            if raw_id.decode() == self._own_id:
                continue
            try:
                heard.append(HeardReport(decode_report(stored), int(age_ms)))
            except ValueError:
                continue
        return heard
