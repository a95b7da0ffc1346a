"""The generic cell rate algorithm: turns of equal length, counted in Redis for all workers or in a process.

One number is kept for each key: the time until which all earlier turns are paid for.
"""

# One script is one step for Redis, so that fifty calls at once cannot all see the last free turn.
# Given: how many turns at once, the ms in which so many come back, the ms a caller is ready to wait; and, if
# more than one may be taken in advance, how many at most, and how many taken before were not needed.
# Answers: taken (0 for a refusal), turns left, ms until all are back, ms to wait.
CELL_RATE_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, period, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local step = period / limit
local returned = step * tonumber(ARGV[5] or 0)
local paid_until = math.max(tonumber(redis.call('GET', KEYS[1]) or 0) - returned, now)
local next_paid_until = paid_until + step
local wait = math.max(next_paid_until - period - now, 0)
if wait > patience then
  return {0, 0, math.ceil(paid_until - now), math.ceil(wait)}
end
local taken = math.min(tonumber(ARGV[4] or 1), math.floor((period - (paid_until - now)) / step))
taken = math.max(taken, 1)
next_paid_until = paid_until + step * taken
redis.call('SET', KEYS[1], next_paid_until, 'PX', math.ceil(next_paid_until - now))
local left = math.max(math.floor((period - (next_paid_until - now)) / step), 0)
return {taken, left, math.ceil(next_paid_until - now), math.ceil(wait)}
"""


class LocalCellRate:
    """Give out turns in one process: ``limit`` at once, which come back evenly over ``period_s``."""

    def __init__(self, limit: int, period_s: float) -> None:
        self._period_s = period_s
        self._step_s = period_s / limit
        self._paid_until_s = 0.0

    def take(self, now_s: float, *, patience_s: float) -> tuple[bool, float]:
        """Return whether a turn was taken, and the wait for it in seconds; none that is too far away is."""
        next_paid_until_s = max(self._paid_until_s, now_s) + self._step_s
        wait_s = max(next_paid_until_s - self._period_s - now_s, 0.0)
        if wait_s > patience_s:
            return False, wait_s
        self._paid_until_s = next_paid_until_s
        return True, wait_s
