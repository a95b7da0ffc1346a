"""Who somebody is: signing in and out, and passwords.

How accounts come to be is in accounts.py, what a session is and how it goes on in sessions.py, what opens a
WebSocket in tickets.py, and how often somebody may try in sign_in_throttle.py.
"""

import logging
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import asyncpg

from services.accounts import NOBODY, USERNAME_SHAPE, AccountRules, Accounts
from services.hash_pool import HASH_THREADS_MAX, HashPool
from services.passwords import DEFAULT_COST, PasswordHasher, check_new_password
from services.sessions import ACQUIRE_TIMEOUT_S, Sessions, SessionSettings, TokenPair, no_such_session
from services.sign_in_throttle import Attempt, SignInThrottle
from services.stores import audit, session_ends, users
from services.stores.users import StoredUser
from services.tickets import Tickets
from utils.accounts import Action, Caller, Principal, Role, Session, User
from utils.clock import Clock
from utils.errors import AppError, Conflict, Forbidden, Unauthorized

SESSION_IDLE_S = 7 * 86_400

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Say what signs the tokens, how long things live, how hashing is done, and who may make an account.

    The first secret signs; any others still verify.
    """

    secret_keys: tuple[str, ...] = field(repr=False)
    access_token_life_s: int
    session_life_s: int
    bcrypt_cost: int = DEFAULT_COST
    hash_threads: int = HASH_THREADS_MAX
    session_idle_s: int = SESSION_IDLE_S
    registration_open: bool = False
    first_admin_link: bool = False


class AuthService:
    """Make accounts, sign people in and out, and tell who makes a request."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock, settings: AuthSettings) -> None:
        self._pool = pool
        self._clock = clock
        self._hasher = PasswordHasher(settings.bcrypt_cost)
        self._hash_pool = HashPool(settings.hash_threads)
        self._throttle = SignInThrottle(pool, ACQUIRE_TIMEOUT_S)
        self.sessions = Sessions(
            pool=pool,
            clock=clock,
            settings=SessionSettings(
                settings.secret_keys,
                access_token_life_s=settings.access_token_life_s,
                session_life_s=settings.session_life_s,
                session_idle_s=settings.session_idle_s,
            ),
        )
        self.accounts = Accounts(
            pool=pool,
            clock=clock,
            rules=AccountRules(
                settings.secret_keys[0],
                registration_open=settings.registration_open,
                first_admin_link=settings.first_admin_link,
            ),
            hash_password=self._hash,
        )
        self.tickets = Tickets(pool, clock, self.sessions)

    def close(self) -> None:
        """Let the hashing threads end."""
        self._hash_pool.close()

    async def create_user(self, username: str, password: str, role: Role, *, caller: Caller = NOBODY) -> User:
        """Add an account and return it, as ``Accounts.create_user`` says."""
        return await self.accounts.create_user(username, password, role, caller=caller)

    async def sign_in(self, username: str, password: str, caller: Caller = NOBODY) -> TokenPair:
        """Begin a session.

        A wrong password, an unknown name and a disabled user cannot be told apart, nor by the time it takes.
        Raises: Unauthorized; TooManyRequests after too many attempts; Unavailable when too many sign in.
        """
        # A name that cannot exist goes the same way as one that does not.
        folded = username.lower() if USERNAME_SHAPE.fullmatch(username) else ""
        async with self._hash_pool.turn():
            attempt = await self._throttle.take(folded, caller.address, self._clock.now_ms())
            async with self._throttle.judging(attempt):
                found = await users.select_user_to_sign_in(self._pool, folded)
                matches = await self._matches(password, found, attempt)
                if found is None or not matches or found.user.disabled:
                    raise _refused(found, attempt)
                current_hash = await self._renewed_hash(found, password)
        async with (
            self._throttle.judging(attempt),
            self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
            connection.transaction(),
        ):
            # A password changed, or a user disabled, while the hash was computed ends this too.
            if not await users.lock_unchanged_user(connection, found.user.user_id, current_hash):
                raise _refused(found, attempt)
            await self._throttle.remember(connection, attempt, found.user.user_id, self._clock.now_ms())
            pair = await self.sessions.open(connection, found.user, caller)
        log.info("signed in", extra={"user_id": found.user.user_id})
        return pair

    async def refresh(self, refresh_token: str, caller: Caller = NOBODY) -> TokenPair:
        """Trade a refresh token for a new pair, as ``Sessions.refresh`` says. Raises: Unauthorized."""
        return await self.sessions.refresh(refresh_token, caller)

    async def authenticate(self, access_token: str) -> Principal:
        """Return who an access token stands for at this moment. Raises: Unauthorized."""
        return await self.sessions.authenticate(access_token)

    async def change_password(self, principal: Principal, current: str, new: str, caller: Caller) -> None:
        """Give a user another password and end every session of theirs, this one too.

        Raises: Forbidden when the current password is not right; InvalidRequest when the new one does not
        fit; TooManyRequests after too many attempts.
        """
        check_new_password(new, principal.username, field="new_password")
        folded = principal.username.lower()
        attempt = await self._throttle.take(folded, caller.address, self._clock.now_ms())
        async with self._throttle.judging(attempt):
            found = await users.select_user(self._pool, principal.user_id)
            if not await self._matches(current, found, attempt) or found is None:
                raise attempt.failure(
                    Forbidden(
                        "The current password is not right. Check it and try again.", code="wrong_password"
                    )
                )
            new_hash = await self._hash(new)
            now_ms = self._clock.now_ms()
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
                if not await users.update_password_hash(
                    connection, principal.user_id, old=found.password_hash, new=new_hash
                ):
                    raise Conflict("The password was changed meanwhile. Sign in with the new one.")
                await self._throttle.remember(connection, attempt, principal.user_id, now_ms)
                await self._end(connection, principal, caller, Action.PASSWORD_CHANGED)

    async def list_sessions(self, principal: Principal) -> list[Session]:
        """Return the sessions of whoever asks, newest first."""
        return await self.sessions.list_of(principal.user_id)

    async def end_session(self, principal: Principal, session_id: UUID, caller: Caller) -> None:
        """End one session of whoever asks.

        Raises: NotFound when it is over already, was never there, or is another user's: which is not told.
        """
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            if not await self._end(
                connection, principal, caller, Action.SESSION_ENDED, session_id=session_id
            ):
                raise no_such_session()

    async def end_sessions(
        self, principal: Principal, caller: Caller, *, spared_id: UUID | None = None
    ) -> None:
        """End every session of whoever asks, or all but one."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            await self._end(connection, principal, caller, Action.SESSIONS_ENDED, spared_id=spared_id)

    async def _hash(self, password: str) -> str:
        return await self._hash_pool.run(partial(self._hasher.hash, password))

    async def _matches(self, password: str, found: StoredUser | None, attempt: Attempt) -> bool:
        return await self._is_password(password, found) and not attempt.hopeless

    async def _is_password(self, password: str, found: StoredUser | None) -> bool:
        stored_hash = found.password_hash if found else None
        return await self._hash_pool.run(partial(self._hasher.verify, password, stored_hash))

    async def _renewed_hash(self, found: StoredUser, password: str) -> str:
        old_hash = found.password_hash
        if not self._hasher.is_outdated(old_hash):
            return old_hash
        user_id = found.user.user_id
        new_hash = await self._hash(password)
        if await users.update_password_hash(self._pool, user_id, old=old_hash, new=new_hash):
            return new_hash
        # Another who signed in has renewed it meanwhile; or it is the hash of another password now.
        stored = await users.select_user(self._pool, user_id)
        if stored is None or not await self._is_password(password, stored):
            return old_hash
        return stored.password_hash

    async def _end(
        self,
        connection: asyncpg.Connection,
        principal: Principal,
        caller: Caller,
        action: Action,
        *,
        session_id: UUID | None = None,
        spared_id: UUID | None = None,
    ) -> int:
        now_ms = self._clock.now_ms()
        ended = await session_ends.revoke_sessions_of_user(
            connection,
            principal.user_id,
            session_id=session_id,
            spared_id=spared_id,
            reason=action,
            now_ms=now_ms,
        )
        await audit.insert_event(
            connection,
            action,
            caller,
            actor_user_id=principal.user_id,
            subject_user_id=principal.user_id,
            detail=f"{ended} of the sessions",
            now_ms=now_ms,
        )
        return ended


def _refused(found: StoredUser | None, attempt: Attempt) -> AppError:
    log.info("sign-in refused", extra={"user_id": found.user.user_id if found else None})
    return attempt.failure(
        Unauthorized(
            "The username or the password is not right. Check both and try again.", code="invalid_credentials"
        )
    )
