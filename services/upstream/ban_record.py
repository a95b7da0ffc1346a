"""What is known of a wait that an exchange asked for: in this process, and in Redis for every worker.

Both keep the same three things: until when nobody asks; that the next question is a trial, until one was
answered; and who is making that trial now.
"""

import math
import secrets
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from services.upstream.keys import until_key
from services.upstream.optional_redis import OptionalRedis

# For an exchange that does not say how long; twice as long each time it asks again.
UNNAMED_MIN_S, UNNAMED_MAX_S = 10.0, 600.0
# Three days is the longest ban that is known; more is a slip.
WAIT_MIN_S, WAIT_MAX_S = 1.0, 3 * 86_400.0
# For so long after the wait is over, the next question is a trial.
TRIAL_WITHIN_S = 60.0
# Longer than any question takes: a worker that dies during its trial leaves it to another.
TRIAL_TERM_S = 6.0


class Leave(Enum):
    """Whether a question may be put now."""

    FREE = auto()
    LIMITED = auto()
    # Nobody knows whether the wait is over: this question finds out, ...
    TRIAL = auto()
    # ... or another one is about to.
    TRIED = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say whether a question may be put; ``wait_s`` is how long it may not, where that is known."""

    leave: Leave
    wait_s: float = 0.0


class LocalBan:
    """Keep the record of one process."""

    def __init__(self) -> None:
        self._until_s = float("-inf")
        self._strikes = 0
        self._on_trial = False
        self._tried = False

    @property
    def on_trial(self) -> bool:
        """Tell whether no question was answered since the exchange asked us to wait."""
        return self._on_trial

    def left_s(self, now_s: float) -> float:
        """Return how long nobody may ask, 0 when that is over."""
        return max(self._until_s - now_s, 0.0)

    def admit(self, now_s: float, *, may_try: bool) -> Verdict:
        """Say whether a question may be put, and begin the trial with it where one is due."""
        if left_s := self.left_s(now_s):
            return Verdict(Leave.LIMITED, left_s)
        if not self._on_trial:
            return Verdict(Leave.FREE)
        if self._tried or not may_try:
            return Verdict(Leave.TRIED)
        self._tried = True
        return Verdict(Leave.TRIAL)

    def impose(self, now_s: float, named_s: float | None) -> float:
        """Begin a wait, or lengthen it, and return how long it is."""
        left_s = self.left_s(now_s)
        wait_s = unnamed_wait_s(self._strikes) if named_s is None else named_s
        if left_s and (named_s is None or wait_s <= left_s):
            return left_s
        if not left_s:
            self._strikes += 1
        self._until_s = now_s + wait_s
        self._on_trial, self._tried = True, False
        return wait_s

    def learn(self, verdict: Verdict, now_s: float) -> None:
        """Take over what Redis says."""
        if verdict.leave is Leave.FREE:
            self.lift()
            return
        self._on_trial = True
        self._tried = verdict.leave is Leave.TRIAL
        if verdict.leave is Leave.LIMITED:
            self._until_s = max(self._until_s, now_s + verdict.wait_s)

    def end_trial(self) -> None:
        """Leave the trial to the next question."""
        self._tried = False

    def lift(self) -> None:
        """Forget the wait: the exchange answers."""
        self._strikes, self._on_trial, self._tried = 0, False, False


def unnamed_wait_s(strikes: int) -> float:
    """Return the wait for an exchange that names none; pure."""
    return min(UNNAMED_MIN_S * 2.0 ** min(strikes, 16), UNNAMED_MAX_S)


def named_wait_s(retry_after_s: float | None) -> float | None:
    """Return the wait an exchange named, within reason; pure."""
    if retry_after_s is None or math.isnan(retry_after_s):
        return None
    return min(max(retry_after_s, WAIT_MIN_S), WAIT_MAX_S)


# Keys: until when nobody asks, how often in a row it was asked of us, who makes the trial.
_ADMIT = """
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return {'LIMITED', left} end
if redis.call('EXISTS', KEYS[2]) == 0 then return {'FREE', 0} end
if ARGV[1] ~= '' and redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[2]) then return {'TRIAL', 0} end
return {'TRIED', 0}
"""
_IMPOSE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.max(redis.call('PTTL', KEYS[1]), 0)
local strikes = tonumber(redis.call('GET', KEYS[2]) or 0)
local wait = tonumber(ARGV[1])
if wait == 0 then
    if left > 0 then return left end
    wait = math.min(ARGV[2] * 2 ^ math.min(strikes, 16), tonumber(ARGV[3]))
end
if wait <= left then return left end
if left == 0 then strikes = strikes + 1 end
redis.call('SET', KEYS[1], string.format('%.0f', now + wait), 'PX', string.format('%.0f', wait))
redis.call('SET', KEYS[2], strikes, 'PX', string.format('%.0f', wait + ARGV[4]))
redis.call('DEL', KEYS[3])
return wait
"""
_END_TRIAL = """
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
if ARGV[2] == '1' then redis.call('DEL', KEYS[2]) end
return redis.call('DEL', KEYS[3])
"""


class SharedBan:
    """Keep the record of all workers; each method raises ``RedisAway`` where there is no Redis."""

    def __init__(self, key: str, redis: OptionalRedis) -> None:
        self._keys = [until_key(key), f"{key}:strikes", f"{key}:trial"]
        self._token = secrets.token_hex(8)
        self._redis = redis
        self._admit = redis.redis.register_script(_ADMIT)
        self._impose = redis.redis.register_script(_IMPOSE)
        self._end_trial = redis.redis.register_script(_END_TRIAL)

    async def admit(self, *, may_try: bool) -> Verdict:
        """Say whether a question may be put, and begin the trial with it where one is due."""
        token = self._token if may_try else ""
        leave, wait_ms = await self._run(self._admit, token, _milliseconds(TRIAL_TERM_S))
        return Verdict(Leave[leave.decode()], int(wait_ms) / 1_000)

    async def impose(self, named_s: float | None) -> float:
        """Begin a wait, or lengthen it, and return how long it is."""
        numbers = (named_s or 0.0, UNNAMED_MIN_S, UNNAMED_MAX_S, TRIAL_WITHIN_S)
        return int(await self._run(self._impose, *map(_milliseconds, numbers))) / 1_000

    async def end_trial(self, *, answered: bool) -> None:
        """Forget the wait when the trial was answered; else leave the trial to the next question."""
        await self._run(self._end_trial, self._token, int(answered))

    async def _run(self, script: Any, *args: str | int) -> Any:
        return await self._redis.ask(lambda: script(keys=self._keys, args=args))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1_000)
