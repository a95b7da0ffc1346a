"""Who somebody is: making accounts, signing in and out, passwords, and tickets for WebSockets.

What a session is and how it goes on is in sessions.py; how often somebody may try, in sign_in_throttle.py.
"""

import logging
import re
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import asyncpg

from services.first_admin import is_first_admin_token
from services.hash_pool import HashPool
from services.passwords import DEFAULT_COST, PasswordHasher, check_new_password
from services.sessions import ACQUIRE_TIMEOUT_S, Sessions, SessionSettings, TokenPair, no_such_session
from services.sign_in_throttle import Attempt, SignInThrottle
from services.stores import audit, sessions, socket_tickets, users
from services.stores.users import StoredUser
from services.tokens import new_refresh_token, refresh_token_hash
from utils.accounts import Caller, Principal, Role, Session, User
from utils.clock import Clock
from utils.errors import (
    Conflict,
    FieldError,
    Forbidden,
    InvalidRequest,
    NotFound,
    Unauthorized,
    Unavailable,
    shorten,
)

TICKET_LIFE_S = 30
SESSION_IDLE_S = 7 * 86_400
NOBODY = Caller()

# The same shape as the CHECK of app_user: ASCII, so that no two names look alike.
USERNAME_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Say what signs the tokens, how long things live, what a hash costs, and who may make an account.

    The first secret signs; any others still verify.
    """

    secret_keys: tuple[str, ...] = field(repr=False)
    access_token_life_s: int
    session_life_s: int
    bcrypt_cost: int = DEFAULT_COST
    session_idle_s: int = SESSION_IDLE_S
    registration_open: bool = False
    first_admin_link: bool = False


class AuthService:
    """Make accounts, sign people in and out, and tell who makes a request."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock, settings: AuthSettings) -> None:
        self._pool = pool
        self._clock = clock
        self._settings = settings
        self._hasher = PasswordHasher(settings.bcrypt_cost)
        self._hash_pool = HashPool()
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

    def close(self) -> None:
        """Let the hashing threads end."""
        self._hash_pool.close()

    async def create_user(
        self,
        username: str,
        password: str,
        role: Role,
        *,
        caller: Caller = NOBODY,
        only_first_admin: bool = False,
    ) -> User:
        """Add an account and return it.

        Raises: InvalidRequest for a name or password that does not fit; Conflict when the name is taken, or
        with ``only_first_admin`` when there is an admin already.
        """
        check_username(username)
        check_new_password(password, username)
        password_hash = await self._hash_pool.run(partial(self._hasher.hash, password))
        now_ms = self._clock.now_ms()
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            if only_first_admin and await users.lock_admins(connection):
                raise _set_up_already()
            user = await users.insert_user(
                connection, username, password_hash=password_hash, role=role, now_ms=now_ms
            )
            if user is None:
                raise Conflict(
                    f"There is already a user named {username}. Choose another name.", code="username_taken"
                )
            await audit.insert_event(
                connection,
                "user_created",
                caller,
                actor_user_id=None,
                subject_user_id=user.user_id,
                detail=f"role {role}",
                now_ms=now_ms,
            )
        return user

    async def register(self, username: str, password: str, caller: Caller) -> User:
        """Add an account for whoever asks. Raises: as ``create_user``; Forbidden when that is not wanted."""
        if not self._settings.registration_open:
            raise Forbidden(
                "Nobody can register here by themselves. Ask the operator of this service for an account.",
                code="registration_closed",
            )
        return await self.create_user(username, password, Role.USER, caller=caller)

    async def check_first_admin_token(self, token: str) -> None:
        """Refuse a link to make the first admin that is not good, or that nobody needs any more.

        Raises: NotFound where such links are not given; Unauthorized; Conflict when there is an admin.
        """
        if not self._settings.first_admin_link:
            raise NotFound("Links that make an admin are given in development only. Use quart create-admin.")
        now_s = self._clock.now_ms() // 1000
        if not is_first_admin_token(token, self._settings.secret_keys[0], now_s):
            raise Unauthorized(
                "This link is not valid, or has ended. Restart the service: it prints a new one.",
                code="invalid_token",
            )
        if await users.has_admin(self._pool):
            raise _set_up_already()

    async def create_first_admin(self, username: str, password: str, caller: Caller) -> User:
        """Add the first admin; of any number of callers at once one does. Raises: as ``create_user``."""
        return await self.create_user(username, password, Role.ADMIN, caller=caller, only_first_admin=True)

    async def sign_in(self, username: str, password: str, caller: Caller = NOBODY) -> TokenPair:
        """Begin a session.

        A wrong password, an unknown name and a disabled user cannot be told apart, nor by the time it takes.
        Raises: Unauthorized; TooManyRequests after too many attempts; Unavailable when too many sign in.
        """
        # A name that cannot exist goes the same way as one that does not.
        folded = username.lower() if USERNAME_SHAPE.fullmatch(username) else ""
        with self._hash_pool.guest():
            attempt = await self._throttle.take(folded, caller.address, self._clock.now_ms())
            found = await users.select_user_to_sign_in(self._pool, folded)
            matches = await self._matches(password, found, attempt)
            if found is None or not matches or found.user.disabled:
                raise _refused(found)
            current_hash = await self._renewed_hash(found, password)
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            # A password changed, or a user disabled, while the hash was computed ends this too.
            if not await users.lock_unchanged_user(connection, found.user.user_id, current_hash):
                raise _refused(found)
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
        found = await users.select_user(self._pool, principal.user_id)
        if not await self._matches(current, found, attempt) or found is None:
            raise Forbidden(
                "The current password is not right. Check it and try again.", code="wrong_password"
            )
        new_hash = await self._hash_pool.run(partial(self._hasher.hash, new))
        now_ms = self._clock.now_ms()
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            if not await users.update_password_hash(
                connection, principal.user_id, old=found.password_hash, new=new_hash
            ):
                raise Conflict("The password was changed meanwhile. Sign in with the new one.")
            await self._throttle.remember(connection, attempt, principal.user_id, now_ms)
            await self._end(connection, principal, caller, "password_changed")

    async def list_sessions(self, principal: Principal) -> list[Session]:
        """Return the sessions of whoever asks, newest first."""
        return await self.sessions.list_of(principal.user_id)

    async def end_session(self, principal: Principal, session_id: UUID, caller: Caller) -> None:
        """End one session of whoever asks.

        Raises: NotFound when it is over already, was never there, or is another user's: which is not told.
        """
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            if not await self._end(connection, principal, caller, "session_ended", session_id=session_id):
                raise no_such_session()

    async def end_sessions(
        self, principal: Principal, caller: Caller, *, spared_id: UUID | None = None
    ) -> None:
        """End every session of whoever asks, or all but one."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            await self._end(connection, principal, caller, "sessions_ended", spared_id=spared_id)

    async def issue_ticket(self, principal: Principal, origin: str | None) -> str:
        """Return a ticket that opens one WebSocket within 30 seconds, for a page of the same origin."""
        ticket = new_refresh_token()
        ticket_hash = refresh_token_hash(ticket)
        assert ticket_hash is not None
        expires_ms = self._clock.now_ms() + TICKET_LIFE_S * 1000
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await socket_tickets.insert_ticket(
                connection, ticket_hash, principal.session_id, origin=origin, expires_ms=expires_ms
            )
        return ticket

    async def spend_ticket(self, ticket: str, origin: str | None) -> Principal:
        """Return who a ticket stands for; it is worth nothing afterwards. Raises: Unauthorized."""
        ticket_hash = refresh_token_hash(ticket)
        now_ms = self._clock.now_ms()
        principal = None
        if ticket_hash is not None:
            principal = await socket_tickets.spend_ticket(
                self._pool, ticket_hash, origin=origin, now_ms=now_ms, idle_ms=self.sessions.idle_ms(now_ms)
            )
        if principal is None:
            raise Unauthorized(
                "The ticket is not valid, or no longer. Get another at /auth/ws-ticket and connect at once.",
                code="invalid_token",
            )
        return principal

    async def _matches(self, password: str, found: StoredUser | None, attempt: Attempt) -> bool:
        stored_hash = found.password_hash if found else None
        try:
            return await self._hash_pool.run(partial(self._hasher.verify, password, stored_hash))
        except Unavailable:
            # The password was not looked at, so that it was no attempt.
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                await self._throttle.give_back(connection, attempt)
            raise

    async def _renewed_hash(self, found: StoredUser, password: str) -> str:
        if not self._hasher.is_outdated(found.password_hash):
            return found.password_hash
        new_hash = await self._hash_pool.run(partial(self._hasher.hash, password))
        old_hash = found.password_hash
        renewed = await users.update_password_hash(self._pool, found.user.user_id, old=old_hash, new=new_hash)
        return new_hash if renewed else old_hash

    async def _end(
        self,
        connection: asyncpg.Connection,
        principal: Principal,
        caller: Caller,
        action: str,
        *,
        session_id: UUID | None = None,
        spared_id: UUID | None = None,
    ) -> int:
        now_ms = self._clock.now_ms()
        ended = await sessions.revoke_sessions_of_user(
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


def _set_up_already() -> Conflict:
    return Conflict("There is an admin already. Sign in at /auth/login.", code="set_up_already")


def _refused(found: StoredUser | None) -> Unauthorized:
    log.info("sign-in refused", extra={"user_id": found.user.user_id if found else None})
    return Unauthorized(
        "The username or the password is not right. Check both and try again.", code="invalid_credentials"
    )


def check_username(username: str) -> None:
    """Refuse a name for a new user that does not fit.

    Raises: InvalidRequest.
    """
    if USERNAME_SHAPE.fullmatch(username) is None:
        detail = (
            f"The username {shorten(username)} does not fit. Use 3 to 64 letters from a to z, digits, dots, "
            "hyphens, underscores, at or plus signs, and begin with a letter or digit."
        )
        raise InvalidRequest(detail, errors=(FieldError("username", "bad_shape", detail),))
