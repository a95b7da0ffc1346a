"""Calls counted by one worker alone, while Redis is away: its share of the limit, and no more than that."""

import math
from collections import OrderedDict

from middleware.call_leases import CALLERS_MAX, SECONDS_PER_PERIOD, Allowance

PERIOD_S = float(SECONDS_PER_PERIOD)


class LocalCalls:
    """Count calls in memory; whoever has not called for longest is forgotten first."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        # Until when the calls of each caller are paid for: the generic cell rate algorithm, as in Redis.
        self._paid_until_s: OrderedDict[str, float] = OrderedDict()

    def take(self, caller: str, bucket: str, per_minute: int, now_s: float) -> Allowance:
        """Return whether a caller may call, and what is left of this worker's share."""
        share = max(1, per_minute // self._workers)
        step_s = PERIOD_S / share
        paid_until_s = max(self._paid_until_s.get(caller, now_s), now_s)
        wait_s = paid_until_s + step_s - PERIOD_S - now_s
        # Sums of many steps are a little more than what they should be.
        allowed = wait_s <= step_s / 1_000
        if allowed:
            paid_until_s += step_s
            self._paid_until_s[caller] = paid_until_s
            self._paid_until_s.move_to_end(caller)
            if len(self._paid_until_s) > CALLERS_MAX:
                self._paid_until_s.popitem(last=False)
        full_in_s = paid_until_s - now_s
        left = max(0, math.floor((PERIOD_S - full_in_s) / step_s + 0.001))
        wait_ms = 0 if allowed else math.ceil(wait_s * 1000)
        return Allowance(bucket, share, allowed, left, math.ceil(full_in_s * 1000), wait_ms)
