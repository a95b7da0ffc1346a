"""Sessions: begun, kept going by refresh tokens, ended; and what an access token is worth at this moment.

PostgreSQL is the truth. Nothing is remembered here between requests, so that a revoked session, a disabled
user and a changed role count at the next request of every worker.
"""

import logging
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg

from services.stores import audit, expired_sessions, refresh_tokens, session_ends, sessions
from services.tokens import (
    AccessTokenCodec,
    InvalidToken,
    RefreshTokenChain,
    SigningKeys,
    new_refresh_token,
    refresh_token_hash,
)
from utils.accounts import Action, Caller, Principal, Session, User
from utils.clock import Clock
from utils.errors import NotFound, Unauthorized

ACQUIRE_TIMEOUT_S = 2.0
# Whoever did not hear the answer may ask again for this long, and gets the same refresh token.
GRACE_MS = 10_000
SESSIONS_MAX = 50
TOO_MANY = "too_many_sessions"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Say what signs the tokens and how long things live.

    The first secret signs; any others still verify, so that a secret can be changed without logging
    anybody out. ``session_life_s`` is absolute: refreshing does not move it. A session that was not
    refreshed for ``session_idle_s`` has ended too.
    """

    secret_keys: tuple[str, ...] = field(repr=False)
    access_token_life_s: int
    session_life_s: int
    session_idle_s: int


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client holds after signing in or refreshing."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int


class Sessions:
    """Keep the sessions of everybody."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock, settings: SessionSettings) -> None:
        self._pool = pool
        self._clock = clock
        self._settings = settings
        self._codec = AccessTokenCodec(SigningKeys.derive(settings.secret_keys), settings.access_token_life_s)
        self._chain = RefreshTokenChain.derive(settings.secret_keys)

    def idle_ms(self, now_ms: int) -> int:
        """Return the time of the last use from which on a session counts."""
        return now_ms - self._settings.session_idle_s * 1000

    async def open(self, connection: asyncpg.Connection, user: User, caller: Caller) -> TokenPair:
        """Begin a session; the oldest ends when the user has too many."""
        now_ms = self._clock.now_ms()
        session = Session(
            session_id=uuid4(),
            user_id=user.user_id,
            address=caller.address,
            client=caller.client,
            created_ms=now_ms,
            last_used_ms=now_ms,
            expires_ms=now_ms + self._settings.session_life_s * 1000,
        )
        await expired_sessions.delete_some_of_user(connection, user.user_id, now_ms)
        await sessions.insert_session(connection, session)
        await session_ends.revoke_oldest_sessions(
            connection, user.user_id, kept=SESSIONS_MAX, reason=TOO_MANY, now_ms=now_ms
        )
        principal = Principal(user.user_id, user.username, user.role, session.session_id)
        return await self._issue(connection, principal, new_refresh_token(), parent_hash=None)

    async def refresh(self, refresh_token: str, caller: Caller) -> TokenPair:
        """Trade a refresh token for a new pair; each can be used once.

        Within ten seconds a token can be traded again while its successor is unused: the answer holds the
        same successor and a new access token. Any other second use means that somebody else holds a copy:
        the session ends, with every token of it.
        Raises: Unauthorized.
        """
        token_hash = refresh_token_hash(refresh_token)
        pair = await self._rotate(refresh_token, token_hash, caller) if token_hash else None
        if pair is None:
            raise Unauthorized(
                "The refresh token is not valid, or no longer. Sign in again.", code="invalid_refresh_token"
            )
        return pair

    async def authenticate(self, access_token: str) -> Principal:
        """Return who an access token stands for at this moment. Raises: Unauthorized."""
        now_ms = self._clock.now_ms()
        try:
            claims = self._codec.decode(access_token, now_ms)
        except InvalidToken as error:
            raise invalid_access_token() from error
        principal = await sessions.select_principal(
            self._pool, claims.session_id, claims.user_id, now_ms=now_ms, idle_ms=self.idle_ms(now_ms)
        )
        if principal is None:
            raise invalid_access_token()
        return principal

    async def list_of(self, user_id: int) -> list[Session]:
        """Return a user's sessions, newest first."""
        now_ms = self._clock.now_ms()
        return await sessions.select_sessions_of_user(
            self._pool, user_id, now_ms=now_ms, idle_ms=self.idle_ms(now_ms), limit=SESSIONS_MAX
        )

    async def changed(self, held: set[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
        """Return which of these sessions are over, or have a user with another role than given with them."""
        now_ms = self._clock.now_ms()
        return await sessions.select_changed(self._pool, held, now_ms=now_ms, idle_ms=self.idle_ms(now_ms))

    async def _rotate(self, token: str, token_hash: bytes, caller: Caller) -> TokenPair | None:
        # Returns instead of raising, because an exception would roll the revocation back.
        now_ms = self._clock.now_ms()
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            session_id = await refresh_tokens.spend_refresh_token(connection, token_hash, now_ms)
            if session_id is None:
                return await self._repeat_or_revoke(connection, token, token_hash, caller)
            principal = await sessions.touch_session(
                connection, session_id, now_ms=now_ms, idle_ms=self.idle_ms(now_ms)
            )
            if principal is None:
                return None
            successor = self._chain.successor(token)
            return await self._issue(connection, principal, successor, parent_hash=token_hash)

    async def _repeat_or_revoke(
        self, connection: asyncpg.Connection, token: str, token_hash: bytes, caller: Caller
    ) -> TokenPair | None:
        now_ms = self._clock.now_ms()
        spent = await refresh_tokens.select_spent_token(connection, token_hash)
        if spent is None:
            return None
        # Holds the session's row, so that a successor is not used while it is handed out again.
        principal = await sessions.touch_session(
            connection, spent.session_id, now_ms=now_ms, idle_ms=self.idle_ms(now_ms)
        )
        if principal is not None:
            spent = await refresh_tokens.select_spent_token(connection, token_hash) or spent
            successor = self._chain.known_successor(token, spent.child_hash) if spent.child_hash else None
            if successor is not None and now_ms - spent.used_ms <= GRACE_MS:
                return self._pair(principal, successor, now_ms)
        await self._revoke_reused(connection, spent.session_id, caller, now_ms)
        return None

    @staticmethod
    async def _revoke_reused(
        connection: asyncpg.Connection, session_id: UUID, caller: Caller, now_ms: int
    ) -> None:
        if not await session_ends.revoke_session(
            connection, session_id, reason=Action.REFRESH_TOKEN_REUSED, now_ms=now_ms
        ):
            return
        await audit.insert_event(
            connection,
            Action.REFRESH_TOKEN_REUSED,
            caller,
            actor_user_id=None,
            subject_user_id=await sessions.select_user_of_session(connection, session_id),
            detail=f"session {session_id}",
            now_ms=now_ms,
        )
        log.warning("refresh token used twice", extra={"session_id": str(session_id)})

    async def _issue(
        self,
        connection: asyncpg.Connection,
        principal: Principal,
        refresh_token: str,
        *,
        parent_hash: bytes | None,
    ) -> TokenPair:
        now_ms = self._clock.now_ms()
        token_hash = refresh_token_hash(refresh_token)
        assert token_hash is not None
        await refresh_tokens.insert_refresh_token(
            connection, token_hash, principal.session_id, parent_hash=parent_hash, now_ms=now_ms
        )
        return self._pair(principal, refresh_token, now_ms)

    def _pair(self, principal: Principal, refresh_token: str, now_ms: int) -> TokenPair:
        access_token = self._codec.encode(principal, now_ms)
        return TokenPair(access_token, refresh_token, self._settings.access_token_life_s)


def invalid_access_token() -> Unauthorized:
    """Return the one answer to every access token that is not good, whatever is wrong with it."""
    return Unauthorized(
        "The access token is not valid, or no longer. Refresh it or sign in again; "
        "what is open to everybody also answers without a token.",
        code="invalid_token",
    )


def no_such_session() -> NotFound:
    """Return the one answer to whoever names a session that is not there for them."""
    return NotFound(
        "There is no such session. It may have ended already; ask for the list.", code="unknown_session"
    )
