"""Calls of busy callers, taken from Redis some at a time, so that not every call has to ask.

Never more are let through than the limit: what is held here is counted in Redis already. A lease ends after a
second, and what it did not need is given back with the caller's next question. It never holds more than comes
back within a second, so that at the default limit of 60 a minute every call is asked about by itself.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

LEASE_S = 1.0
CALLERS_MAX = 10_000
SECONDS_PER_PERIOD = 60


class Allowance(NamedTuple):
    """State what a caller has left in a bucket after this call; of the cheapest kind."""

    bucket: str
    per_minute: int
    allowed: bool
    left: int
    full_in_ms: int
    wait_ms: int

    @property
    def headers(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return the headers that say so."""
        full_in_s = math.ceil(self.full_in_ms / 1000)
        return (
            ("RateLimit-Policy", _policy(self.bucket, self.per_minute)),
            ("RateLimit", f'"{self.bucket}";r={self.left};t={full_in_s}'),
        )


@lru_cache(64)
def _policy(bucket: str, per_minute: int) -> str:
    return f'"{bucket}";q={per_minute};w={SECONDS_PER_PERIOD}'


@dataclass(slots=True)
class _Lease:
    taken: int
    unused: int
    left: int
    full_in_ms: int
    step_ms: float
    began_s: float


class CallLeases:
    """Hold what callers have taken in advance, on this worker."""

    def __init__(self) -> None:
        self._leases: OrderedDict[str, _Lease] = OrderedDict()

    def use(self, caller: str, bucket: str, per_minute: int, now_s: float) -> Allowance | None:
        """Return what a call taken in advance leaves; None when there is none."""
        lease = self._leases.get(caller)
        if lease is None or not lease.unused or now_s - lease.began_s >= LEASE_S:
            return None
        lease.unused -= 1
        passed_ms = (now_s - lease.began_s) * 1000
        full_in_ms = lease.full_in_ms - passed_ms - lease.unused * lease.step_ms
        return Allowance(bucket, per_minute, True, lease.left + lease.unused, max(0, round(full_in_ms)), 0)

    def wanted(self, caller: str, per_minute: int, now_s: float) -> tuple[int, int]:
        """Return how many calls to ask for, and how many of the last lease to give back."""
        lease = self._leases.pop(caller, None)
        if lease is None:
            return 1, 0
        needed = lease.taken - lease.unused
        # Twice what was needed while the caller speeds up, and a single one after a pause.
        wanted = 2 * needed if now_s - lease.began_s < 2 * LEASE_S else 1
        return max(1, min(wanted, per_minute // SECONDS_PER_PERIOD)), lease.unused

    def keep(self, caller: str, allowance: Allowance, taken: int, now_s: float) -> Allowance:
        """Keep what was taken beyond this call, and return what the call leaves."""
        meanwhile = self._leases.pop(caller, None)
        others = meanwhile.unused if meanwhile is not None and now_s - meanwhile.began_s < LEASE_S else 0
        step_ms = SECONDS_PER_PERIOD * 1000 / allowance.per_minute
        unused = taken - 1 + others
        lease = _Lease(taken + others, unused, allowance.left, allowance.full_in_ms, step_ms, now_s)
        self._leases[caller] = lease
        if len(self._leases) > CALLERS_MAX:
            self._leases.popitem(last=False)
        full_in_ms = max(0, round(allowance.full_in_ms - unused * step_ms))
        return Allowance(allowance.bucket, allowance.per_minute, True, allowance.left + unused, full_in_ms, 0)
