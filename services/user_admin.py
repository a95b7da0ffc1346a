"""What admins do: roles, disabling, other people's sessions, and what was done before. Every change is noted.

A change counts at the next request of every worker, since each request asks the database who its caller is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from services.idempotency import Keep, keep_nothing
from services.jobs.tidying import Chore
from services.sessions import ACQUIRE_TIMEOUT_S, Sessions, no_such_session
from services.sign_in_throttle import KNOWN_FOR_MS
from services.stores import (
    audit,
    expired_sessions,
    idempotency,
    job_runs,
    session_ends,
    sessions,
    socket_tickets,
    throttles,
    users,
)
from services.tokens import BIGINT_MAX
from utils.accounts import Action, AuditEvent, Caller, Principal, Role, Session, User
from utils.clock import Clock
from utils.domain import DAY_MS
from utils.errors import Conflict, NotFound

AUDIT_KEPT_MS = 400 * DAY_MS
JOB_RUNS_KEPT_MS = 30 * DAY_MS
IDEMPOTENCY_KEPT_MS = 2 * DAY_MS
ATTEMPTS_KEPT_MS = DAY_MS


class UserAdmin:
    """Change other people's accounts, in the name of an admin."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock, sessions: Sessions) -> None:
        self._pool = pool
        self._clock = clock
        self._sessions = sessions

    async def list_users(self, *, after_user_id: int, limit: int) -> list[User]:
        """Return at most ``limit`` users in order of their id, beginning after the given one."""
        return await users.select_users(self._pool, after_user_id=after_user_id, limit=limit)

    async def list_sessions(
        self, *, before: tuple[int, UUID] | None, user_id: int | None, limit: int
    ) -> list[Session]:
        """Return sessions that count, newest first, beginning before the given time and id."""
        now_ms = self._clock.now_ms()
        return await sessions.select_sessions(
            self._pool,
            before=before,
            user_id=user_id,
            now_ms=now_ms,
            idle_ms=self._sessions.idle_ms(now_ms),
            limit=limit,
        )

    async def list_events(self, *, before_event_id: int | None, limit: int) -> list[AuditEvent]:
        """Return what was done, newest first."""
        return await audit.select_events(self._pool, before_event_id=before_event_id, limit=limit)

    async def set_role(self, admin: Principal, user_id: int, role: Role, caller: Caller) -> User:
        """Give a user a role and return the user.

        Raises: NotFound; Conflict when nobody would be left to administer the service.
        """
        async with self._change() as connection:
            if role is not Role.ADMIN:
                await _keep_one_admin(connection, user_id)
            user = await users.update_role(connection, user_id, role) if user_id <= BIGINT_MAX else None
            if user is None:
                raise _no_such_user(user_id)
            await self._note(
                connection, Action.ROLE_CHANGED, by=(admin, caller), user_id=user_id, detail=f"role {role}"
            )
        return user

    async def set_disabled(
        self,
        admin: Principal,
        user_id: int,
        caller: Caller,
        *,
        disabled: bool,
        keep: Keep[User] = keep_nothing,
    ) -> User:
        """Disable a user, which ends every session of theirs, or enable one, and return the user.

        Raises: NotFound; Conflict when nobody would be left to administer the service.
        """
        async with self._change() as connection:
            if user_id > BIGINT_MAX:
                raise _no_such_user(user_id)
            if disabled:
                await _keep_one_admin(connection, user_id)
            now_ms = self._clock.now_ms()
            user = await users.update_disabled(connection, user_id, disabled=disabled, now_ms=now_ms)
            if user is None:
                raise _no_such_user(user_id)
            if disabled:
                await session_ends.revoke_sessions_of_user(
                    connection, user_id, reason=Action.USER_DISABLED, now_ms=now_ms
                )
            action = Action.USER_DISABLED if disabled else Action.USER_ENABLED
            await self._note(connection, action, by=(admin, caller), user_id=user_id)
            await keep(connection, user)
        return user

    async def end_session(self, admin: Principal, session_id: UUID, caller: Caller) -> None:
        """End anybody's session. Raises: NotFound when it is not there or over already."""
        async with self._change() as connection:
            now_ms = self._clock.now_ms()
            user_id = await sessions.select_user_of_session(connection, session_id)
            ended = await session_ends.revoke_session(
                connection, session_id, reason=Action.SESSION_ENDED_BY_ADMIN, now_ms=now_ms
            )
            if not ended:
                raise no_such_session()
            detail = f"session {session_id}"
            await self._note(
                connection, Action.SESSION_ENDED_BY_ADMIN, by=(admin, caller), user_id=user_id, detail=detail
            )

    def chores(self) -> tuple[Chore, ...]:
        """Return what forgets what can be of no use any more."""
        pool, now_ms = self._pool, self._clock.now_ms()
        return (
            Chore("tickets", lambda: socket_tickets.delete_expired_tickets(pool, now_ms)),
            Chore("attempts", lambda: throttles.delete_worn_attempts(pool, now_ms - ATTEMPTS_KEPT_MS)),
            Chore("places", lambda: throttles.delete_old_places(pool, now_ms - KNOWN_FOR_MS)),
            Chore("answers", lambda: idempotency.delete_old_keys(pool, now_ms - IDEMPOTENCY_KEPT_MS)),
            Chore("events", lambda: audit.delete_old_events(pool, now_ms - AUDIT_KEPT_MS)),
            Chore("runs", lambda: job_runs.delete_old_runs(pool, now_ms - JOB_RUNS_KEPT_MS)),
            # The last: of these alone there may be more than one run has the time for.
            Chore("sessions", lambda: expired_sessions.delete_all(pool, now_ms)),
        )

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            yield connection

    async def _note(
        self,
        connection: asyncpg.Connection,
        action: Action,
        *,
        by: tuple[Principal, Caller],
        user_id: int | None,
        detail: str = "",
    ) -> None:
        admin, caller = by
        await audit.insert_event(
            connection,
            action,
            caller,
            actor_user_id=admin.user_id,
            subject_user_id=user_id,
            detail=detail,
            now_ms=self._clock.now_ms(),
        )


async def _keep_one_admin(connection: asyncpg.Connection, user_id: int) -> None:
    if await users.lock_admins(connection) == [user_id]:
        raise Conflict(
            "This is the only admin who is not disabled. Make another user an admin first.",
            code="last_admin",
        )


def _no_such_user(user_id: int) -> NotFound:
    return NotFound(f"There is no user {user_id}. Ask for the list of users.", code="unknown_user")
