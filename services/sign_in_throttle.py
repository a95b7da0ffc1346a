"""How often somebody may try to sign in: counted in PostgreSQL for all workers, whoever else is away.

An attempt is counted before the password is looked at, and given back when it was right, or when nobody could
say whether it was. Once the count of the account or of the address is full, an account has one more at a
place where it is known: so whoever tries from two hundred addresses fills the account's count, and its owner
still gets in. A wrong password is answered there as anywhere, so that it tells nobody whose account is known
there, or is there at all.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg

from services.stores import throttles
from services.stores.losses import DATABASE_AWAY
from utils import figures
from utils.errors import AppError, TooManyRequests, Unavailable
from utils.spoken import spoken_wait

# A place is known for this long after the last time somebody signed in from it.
KNOWN_FOR_MS = 90 * 86_400_000
PLACES_MAX = 5


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
    """What one attempt was counted under, and what becomes of it.

    With ``wait_s`` only a right password is let in, and the answer to a wrong one is to wait; ``hopeless``
    ones are not let in at all, and compared all the same: it takes time, which would tell them from others.
    """

    place: str
    counted: tuple[bytes, ...]
    wait_s: float | None = None
    hopeless: bool = False

    def failure(self, wrong_password: AppError) -> AppError:
        """Return what a failed attempt is answered: the given error, or the time to wait."""
        if self.wait_s is None:
            return wrong_password
        return _too_many_attempts(KNOWN_PLACE, self.wait_s)


class SignInThrottle:
    """Count attempts, and refuse those that come too often."""

    def __init__(self, pool: asyncpg.Pool, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s

    async def take(self, folded_username: str, place: str, now_ms: int) -> Attempt:
        """Count an attempt at an account, which may not exist, from a place.

        Raises: TooManyRequests with the time to wait; nothing is counted then.
        """
        anywhere = ((ADDRESS, ADDRESS.key(place)), (ACCOUNT, ACCOUNT.key(folded_username)))
        here = (KNOWN_PLACE, KNOWN_PLACE.key(folded_username, place))
        async with self._pool.acquire(timeout=self._acquire_timeout_s) as connection:
            refused = await self._take_all(connection, now_ms, *anywhere)
            if refused is None:
                return Attempt(place, tuple(key for _, key in anywhere))
            known = await throttles.select_known(
                connection, folded_username, place, since_ms=now_ms - KNOWN_FOR_MS
            )
            # Any name is counted here like one that is known here; where none is, there is nothing to hide.
            if known.to_somebody and await self._take_all(connection, now_ms, here) is None:
                return Attempt(place, (here[1],), refused.wait_s, hopeless=not known.to_user)
        raise _too_many_attempts(refused.rule, refused.wait_s)

    @asynccontextmanager
    async def judging(self, attempt: Attempt) -> AsyncIterator[None]:
        """Take back what an attempt counted when the block ends without a verdict, for a part was away.

        Where it is the database that stays away, the attempt stays counted until that wears off.
        """
        try:
            yield
        except (Unavailable, *DATABASE_AWAY):
            with suppress(*DATABASE_AWAY):
                async with self._pool.acquire(timeout=self._acquire_timeout_s) as connection:
                    await self.give_back(connection, attempt)
            raise

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

    async def _take_all(
        self, connection: asyncpg.Connection, now_ms: int, *wanted: tuple[ThrottleRule, bytes]
    ) -> "_Refused | None":
        try:
            async with connection.transaction():
                for rule, key in wanted:
                    await self._take_one(connection, rule, key, now_ms)
        except _Refused as refused:
            # What was counted before is rolled back, so that this is written down on its own.
            await throttles.count_as_now(connection, refused.key, now_ms)
            return refused
        return None

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
        raise _Refused(rule, key, max(1.0, wait_s))


class _Refused(Exception):
    def __init__(self, rule: ThrottleRule, key: bytes, wait_s: float) -> None:
        super().__init__()
        self.rule = rule
        self.key = key
        self.wait_s = wait_s


def _too_many_attempts(rule: ThrottleRule, wait_s: float) -> TooManyRequests:
    figures.SIGN_INS_THROTTLED.add(1, rule.kind.replace(" ", "_"))
    return TooManyRequests(
        f"Too many attempts to sign in. Wait {spoken_wait(wait_s)}, then try again.",
        code="too_many_attempts",
        retry_after_s=wait_s,
    )
