"""Sessions as rows.

A session counts only while it is neither revoked nor expired nor left idle and its user is not disabled;
every function here that returns a principal asks all of it. ``idle_ms`` is the time of the last use from
which on a session counts.
"""

from collections.abc import Collection
from uuid import UUID

import asyncpg

from utils.accounts import Principal, Role, Session

SESSION_COLUMNS = """
    session_id, user_id, address, client,
    (date_part('epoch', created_at) * 1000)::bigint AS created_ms,
    (date_part('epoch', last_used_at) * 1000)::bigint AS last_used_ms,
    (date_part('epoch', expires_at) * 1000)::bigint AS expires_ms
"""


async def insert_session(connection: asyncpg.Connection, session: Session) -> None:
    """Begin a session."""
    await connection.execute(
        """
        INSERT INTO session (session_id, user_id, address, client, created_at, last_used_at, expires_at)
        VALUES (
            $1, $2, $3, $4,
            to_timestamp($5::bigint / 1000.0), to_timestamp($6::bigint / 1000.0),
            to_timestamp($7::bigint / 1000.0)
        )
        """,
        session.session_id,
        session.user_id,
        session.address,
        session.client,
        session.created_ms,
        session.last_used_ms,
        session.expires_ms,
    )


async def select_sessions_of_user(
    pool: asyncpg.Pool, user_id: int, *, now_ms: int, idle_ms: int, limit: int
) -> list[Session]:
    """Return the sessions of a user that count, newest first."""
    # Served by session_user_id_expires_at.
    rows = await pool.fetch(
        f"""
        SELECT {SESSION_COLUMNS}
        FROM session
        WHERE user_id = $1
            AND revoked_at IS NULL
            AND expires_at > to_timestamp($2::bigint / 1000.0)
            AND last_used_at > to_timestamp($3::bigint / 1000.0)
        ORDER BY expires_at DESC, session_id
        LIMIT $4
        """,  # noqa: S608 - the columns are a constant of this module
        user_id,
        now_ms,
        idle_ms,
        limit,
    )
    return [_session(row) for row in rows]


async def select_sessions(
    pool: asyncpg.Pool,
    *,
    before: tuple[int, UUID] | None,
    user_id: int | None,
    now_ms: int,
    idle_ms: int,
    limit: int,
) -> list[Session]:
    """Return the sessions of everybody, or of one user, that count, newest first.

    ``before`` is when the last session of the page before began, and its id.
    """
    # Served by session_created_at.
    rows = await pool.fetch(
        f"""
        SELECT {SESSION_COLUMNS}
        FROM session
        WHERE ($1::bigint IS NULL OR (created_at, session_id) < (to_timestamp($1::bigint / 1000.0), $2))
            AND ($3::bigint IS NULL OR user_id = $3)
            AND revoked_at IS NULL
            AND expires_at > to_timestamp($4::bigint / 1000.0)
            AND last_used_at > to_timestamp($5::bigint / 1000.0)
        ORDER BY created_at DESC, session_id DESC
        LIMIT $6
        """,  # noqa: S608 - the columns are a constant of this module
        None if before is None else before[0],
        None if before is None else before[1],
        user_id,
        now_ms,
        idle_ms,
        limit,
    )
    return [_session(row) for row in rows]


async def select_changed(
    pool: asyncpg.Pool, held: Collection[tuple[UUID, str]], *, now_ms: int, idle_ms: int
) -> set[tuple[UUID, str]]:
    """Return which of these sessions no longer count, or whose user has no longer the role given with it."""
    # Served by both primary keys.
    rows = await pool.fetch(
        """
        SELECT held.session_id, held.role
        FROM unnest($1::uuid[], $2::text[]) AS held (session_id, role)
        WHERE NOT EXISTS (
            SELECT 1
            FROM session
            JOIN app_user ON app_user.user_id = session.user_id
            WHERE session.session_id = held.session_id
                AND session.revoked_at IS NULL
                AND session.expires_at > to_timestamp($3::bigint / 1000.0)
                AND session.last_used_at > to_timestamp($4::bigint / 1000.0)
                AND app_user.disabled_at IS NULL
                AND app_user.role = held.role
        )
        """,
        [session_id for session_id, _ in held],
        [role for _, role in held],
        now_ms,
        idle_ms,
    )
    return {(row["session_id"], row["role"]) for row in rows}


async def select_principal(
    pool: asyncpg.Pool, session_id: UUID, user_id: int, *, now_ms: int, idle_ms: int
) -> Principal | None:
    """Return who a session stands for, with the role of this moment; None when it no longer counts."""
    # Served by both primary keys.
    row = await pool.fetchrow(
        """
        SELECT app_user.user_id, app_user.username, app_user.role, session.session_id
        FROM session
        JOIN app_user ON app_user.user_id = session.user_id
        WHERE session.session_id = $1
            AND session.user_id = $2
            AND session.revoked_at IS NULL
            AND session.expires_at > to_timestamp($3::bigint / 1000.0)
            AND session.last_used_at > to_timestamp($4::bigint / 1000.0)
            AND app_user.disabled_at IS NULL
        """,
        session_id,
        user_id,
        now_ms,
        idle_ms,
    )
    return _principal(row) if row else None


async def touch_session(
    connection: asyncpg.Connection, session_id: UUID, *, now_ms: int, idle_ms: int
) -> Principal | None:
    """Note that a session was used and return who it stands for; None when it no longer counts.

    Locks the session's row until the transaction ends, so that refreshing and revoking take turns.
    """
    row = await connection.fetchrow(
        """
        UPDATE session
        SET last_used_at = to_timestamp($2::bigint / 1000.0)
        FROM app_user
        WHERE session.session_id = $1
            AND app_user.user_id = session.user_id
            AND session.revoked_at IS NULL
            AND session.expires_at > to_timestamp($2::bigint / 1000.0)
            AND session.last_used_at > to_timestamp($3::bigint / 1000.0)
            AND app_user.disabled_at IS NULL
        RETURNING app_user.user_id, app_user.username, app_user.role, session.session_id
        """,
        session_id,
        now_ms,
        idle_ms,
    )
    return _principal(row) if row else None


async def select_user_of_session(connection: asyncpg.Connection, session_id: UUID) -> int | None:
    """Return whose session this is, over or not; None when there is none."""
    user_id: int | None = await connection.fetchval(
        """
        SELECT user_id
        FROM session
        WHERE session_id = $1
        """,
        session_id,
    )
    return user_id


def _principal(row: asyncpg.Record) -> Principal:
    return Principal(row["user_id"], row["username"], Role(row["role"]), row["session_id"])


def _session(row: asyncpg.Record) -> Session:
    return Session(
        session_id=row["session_id"],
        user_id=row["user_id"],
        address=row["address"],
        client=row["client"],
        created_ms=row["created_ms"],
        last_used_ms=row["last_used_ms"],
        expires_ms=row["expires_ms"],
    )
