"""Who somebody is: signing in, staying signed in, and what an access token is worth at this moment.

PostgreSQL is the truth. Nothing is remembered here between requests, so that a revoked session, a disabled
user and a changed role count at the next request of every worker.
"""

import logging
import re
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import asyncpg

from services.hash_pool import HashPool
from services.passwords import DEFAULT_COST, PasswordHasher, check_new_password
from services.stores import sessions, users
from services.tokens import (
    AccessTokenCodec,
    InvalidToken,
    SigningKeys,
    new_refresh_token,
    refresh_token_hash,
)
from utils.accounts import Principal, Role, User
from utils.clock import Clock
from utils.errors import Conflict, FieldError, InvalidRequest, Unauthorized, shorten

ACQUIRE_TIMEOUT_S = 2.0
REUSED = "refresh_token_reused"

# The same shape as the CHECK of app_user: ASCII, so that no two names look alike.
_USERNAME_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Say what signs the tokens and how long things live.

    The first secret signs; any others still verify, so that a secret can be changed without logging
    anybody out. ``session_life_s`` is absolute: refreshing does not move it.
    """

    secret_keys: tuple[str, ...] = field(repr=False)
    access_token_life_s: int
    session_life_s: int
    bcrypt_cost: int = DEFAULT_COST


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client holds after signing in or refreshing."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int


class AuthService:
    """Sign people in and tell who makes a request."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock, settings: AuthSettings) -> None:
        self._pool = pool
        self._clock = clock
        self._settings = settings
        self._hasher = PasswordHasher(settings.bcrypt_cost)
        self._hash_pool = HashPool()
        self._codec = AccessTokenCodec(SigningKeys.derive(settings.secret_keys), settings.access_token_life_s)

    def close(self) -> None:
        """Let the hashing threads end."""
        self._hash_pool.close()

    async def create_user(self, username: str, password: str, role: Role) -> User:
        """Add an account and return it.

        Raises: InvalidRequest for a name or password that does not fit; Conflict when the name is taken.
        """
        check_username(username)
        check_new_password(password)
        password_hash = await self._hash_pool.run(partial(self._hasher.hash, password))
        user = await users.insert_user(
            self._pool, username, password_hash=password_hash, role=role, now_ms=self._clock.now_ms()
        )
        if user is None:
            raise Conflict(
                f"There is already a user named {username}. Choose another name.", code="username_taken"
            )
        return user

    async def sign_in(self, username: str, password: str) -> TokenPair:
        """Begin a session.

        A wrong password, an unknown name and a disabled user cannot be told apart, nor by the time it takes.
        Raises: Unauthorized; Unavailable when too many are signing in.
        """
        # A name that cannot exist goes the same way as one that does not.
        folded = username.lower() if _USERNAME_SHAPE.fullmatch(username) else ""
        found = await users.select_user_to_sign_in(self._pool, folded)
        stored_hash = found.password_hash if found else None
        matches = await self._hash_pool.run(partial(self._hasher.verify, password, stored_hash))
        if found is None or not matches or found.user.disabled:
            log.info("sign-in refused", extra={"user_id": found.user.user_id if found else None})
            raise Unauthorized(
                "The username or the password is not right. Check both and try again.",
                code="invalid_credentials",
            )
        return await self._open_session(found.user)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Trade a refresh token for a new pair; each can be used once.

        A second use means that somebody else holds a copy: the session ends, with every token of it.
        Raises: Unauthorized.
        """
        token_hash = refresh_token_hash(refresh_token)
        pair = await self._rotate(token_hash) if token_hash else None
        if pair is None:
            raise Unauthorized(
                "The refresh token is not valid, or no longer. Sign in again.", code="invalid_refresh_token"
            )
        return pair

    async def authenticate(self, access_token: str) -> Principal:
        """Return who an access token stands for at this moment.

        Raises: Unauthorized.
        """
        now_ms = self._clock.now_ms()
        try:
            claims = self._codec.decode(access_token, now_ms)
        except InvalidToken as error:
            raise invalid_access_token() from error
        principal = await sessions.select_principal(self._pool, claims.session_id, claims.user_id, now_ms)
        if principal is None:
            raise invalid_access_token()
        return principal

    async def list_users(self, *, after_user_id: int, limit: int) -> list[User]:
        """Return at most ``limit`` users in order of their id, beginning after the given one."""
        return await users.select_users(self._pool, after_user_id=after_user_id, limit=limit)

    async def _open_session(self, user: User) -> TokenPair:
        now_ms = self._clock.now_ms()
        expires_ms = now_ms + self._settings.session_life_s * 1000
        principal = Principal(user.user_id, user.username, user.role, uuid4())
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            await sessions.delete_expired_sessions(connection, user.user_id, now_ms)
            await sessions.insert_session(
                connection, principal.session_id, user.user_id, now_ms=now_ms, expires_ms=expires_ms
            )
            pair = await self._issue(connection, principal, parent_hash=None, now_ms=now_ms)
        log.info("signed in", extra={"user_id": user.user_id, "session_id": str(principal.session_id)})
        return pair

    async def _rotate(self, token_hash: bytes) -> TokenPair | None:
        # Returns instead of raising, because an exception would roll the revocation back.
        now_ms = self._clock.now_ms()
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            session_id = await sessions.spend_refresh_token(connection, token_hash, now_ms)
            if session_id is None:
                await self._revoke_if_reused(connection, token_hash, now_ms)
                return None
            principal = await sessions.touch_session(connection, session_id, now_ms)
            if principal is None:
                return None
            return await self._issue(connection, principal, parent_hash=token_hash, now_ms=now_ms)

    async def _revoke_if_reused(self, connection: asyncpg.Connection, token_hash: bytes, now_ms: int) -> None:
        session_id = await sessions.select_session_of_token(connection, token_hash)
        if session_id is None:
            return
        if await sessions.revoke_session(connection, session_id, reason=REUSED, now_ms=now_ms):
            log.warning("refresh token used twice", extra={"session_id": str(session_id)})

    async def _issue(
        self, connection: asyncpg.Connection, principal: Principal, *, parent_hash: bytes | None, now_ms: int
    ) -> TokenPair:
        refresh_token = new_refresh_token()
        token_hash = refresh_token_hash(refresh_token)
        assert token_hash is not None
        await sessions.insert_refresh_token(
            connection, token_hash, principal.session_id, parent_hash=parent_hash, now_ms=now_ms
        )
        access_token = self._codec.encode(principal, now_ms)
        return TokenPair(access_token, refresh_token, self._settings.access_token_life_s)


def check_username(username: str) -> None:
    """Refuse a name for a new user that does not fit.

    Raises: InvalidRequest.
    """
    if _USERNAME_SHAPE.fullmatch(username) is None:
        detail = (
            f"The username {shorten(username)} does not fit. Use 3 to 64 letters from a to z, digits, dots, "
            "hyphens, underscores, at or plus signs, and begin with a letter or digit."
        )
        raise InvalidRequest(detail, errors=(FieldError("username", "bad_shape", detail),))


def invalid_access_token() -> Unauthorized:
    """Return the one answer to every access token that is not good, whatever is wrong with it."""
    return Unauthorized(
        "The access token is not valid, or no longer. Refresh it or sign in again; "
        "what is open to everybody also answers without a token.",
        code="invalid_token",
    )
