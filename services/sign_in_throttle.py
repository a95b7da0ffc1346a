"""How often somebody may try to sign in: counted in PostgreSQL for all workers, whoever else is away.

An attempt is counted before the password is looked at, and given back when it was right. From a place where
the account is known, attempts count for account and place together, and for nothing else: so whoever tries
from two hundred other addresses fills the account's own count, and its owner still gets in.
"""

import hashlib
from dataclasses import dataclass

import asyncpg

from services.stores import throttles
from utils import figures
from utils.errors import TooManyRequests
from utils.spoken import spoken_wait

# A place is known for this long after the last time somebody signed in from it.
KNOWN_FOR_MS = 90 * 86_400_000
PLACES_MAX = 5
# After this long nothing that was ever counted is left.
WORN_AFTER_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """Allow ``at_once`` attempts, and one more each ``wears_off_s``; beyond ``free`` ever farther apart."""

    kind: str
    at_once: int
    free: int
    wears_off_s: float

    def key(self, *parts: str) -> bytes:
        """Return what is stored instead of the names: people type passwords into the wrong field."""
        return hashlib.sha256("\0".join((self.kind, *parts)).encode("utf-8", "replace")).digest()


# At most 10 attempts in any quarter of an hour, and 19 in any hour.
ACCOUNT = ThrottleRule("account", at_once=7, free=3, wears_off_s=300.0)
# At most 30 in any five minutes.
ADDRESS = ThrottleRule("address", at_once=15, free=10, wears_off_s=20.0)
# At most 14 in any quarter of an hour, beside those of the account.
KNOWN_PLACE = ThrottleRule("known place", at_once=7, free=3, wears_off_s=120.0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt was counted under."""

    place: str
    counted: tuple[bytes, ...]


class SignInThrottle:
    """Count attempts, and refuse those that come too often."""

    def __init__(self, pool: asyncpg.Pool, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s

    async def take(self, folded_username: str, place: str, now_ms: int) -> Attempt:
        """Count an attempt at an account, which may not exist, from a place.

        Raises: TooManyRequests with the time to wait; nothing is counted then.
        """
        async with (
            self._pool.acquire(timeout=self._acquire_timeout_s) as connection,
            connection.transaction(),
        ):
            known = await throttles.is_known_place(
                connection, folded_username, place, since_ms=now_ms - KNOWN_FOR_MS
            )
            wanted = (
                [(KNOWN_PLACE, KNOWN_PLACE.key(folded_username, place))]
                if known
                else [(ADDRESS, ADDRESS.key(place)), (ACCOUNT, ACCOUNT.key(folded_username))]
            )
            for rule, key in wanted:
                # What was counted before is rolled back with the refusal.
                await self._take_one(connection, rule, key, now_ms)
        return Attempt(place, tuple(key for _, key in wanted))

    async def give_back(self, connection: asyncpg.Connection, attempt: Attempt) -> None:
        """Take back what an attempt counted."""
        for key in attempt.counted:
            await throttles.give_back_attempt(connection, key)

    async def remember(
        self, connection: asyncpg.Connection, attempt: Attempt, user_id: int, now_ms: int
    ) -> None:
        """Take back what a good attempt counted, and know its place from now on."""
        await self.give_back(connection, attempt)
        await throttles.upsert_known_place(
            connection, user_id, attempt.place, now_ms=now_ms, places_max=PLACES_MAX
        )

    async def _take_one(
        self, connection: asyncpg.Connection, rule: ThrottleRule, key: bytes, now_ms: int
    ) -> None:
        taken = await throttles.take_attempt(
            connection,
            key,
            at_once=rule.at_once,
            free=rule.free,
            wears_off_s=rule.wears_off_s,
            now_ms=now_ms,
        )
        if taken:
            return
        wait_s = await throttles.select_wait_s(
            connection, key, at_once=rule.at_once, wears_off_s=rule.wears_off_s, now_ms=now_ms
        )
        wait_s = max(1.0, wait_s)
        figures.SIGN_INS_THROTTLED.add(1, rule.kind.replace(" ", "_"))
        raise TooManyRequests(
            f"Too many attempts to sign in. Wait {spoken_wait(wait_s)}, then try again.",
            code="too_many_attempts",
            retry_after_s=wait_s,
        )
