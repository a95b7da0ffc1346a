"""Sessions and the refresh tokens that keep them going, as rows.

A session counts only while it is neither revoked nor expired and its user is not disabled; every
function here that returns a principal asks all three.
"""

from uuid import UUID

import asyncpg

from utils.accounts import Principal, Role


async def insert_session(
    connection: asyncpg.Connection, session_id: UUID, user_id: int, *, now_ms: int, expires_ms: int
) -> None:
    """Begin a session."""
    await connection.execute(
        """
        INSERT INTO session (session_id, user_id, created_at, last_used_at, expires_at)
        VALUES (
            $1, $2, to_timestamp($3::bigint / 1000.0), to_timestamp($3::bigint / 1000.0),
            to_timestamp($4::bigint / 1000.0)
        )
        """,
        session_id,
        user_id,
        now_ms,
        expires_ms,
    )


async def delete_expired_sessions(connection: asyncpg.Connection, user_id: int, now_ms: int) -> None:
    """Forget a user's sessions that can never be used again, with their refresh tokens."""
    # Served by session_user_id_expires_at.
    await connection.execute(
        """
        DELETE FROM session
        WHERE user_id = $1 AND expires_at <= to_timestamp($2::bigint / 1000.0)
        """,
        user_id,
        now_ms,
    )


async def select_principal(
    pool: asyncpg.Pool, session_id: UUID, user_id: int, now_ms: int
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
            AND app_user.disabled_at IS NULL
        """,
        session_id,
        user_id,
        now_ms,
    )
    return _principal(row) if row else None


async def touch_session(connection: asyncpg.Connection, session_id: UUID, now_ms: int) -> Principal | None:
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
            AND app_user.disabled_at IS NULL
        RETURNING app_user.user_id, app_user.username, app_user.role, session.session_id
        """,
        session_id,
        now_ms,
    )
    return _principal(row) if row else None


async def revoke_session(
    connection: asyncpg.Connection, session_id: UUID, *, reason: str, now_ms: int
) -> bool:
    """End a session and with it every token of it; False when it had ended before."""
    status = await connection.execute(
        """
        UPDATE session
        SET revoked_at = to_timestamp($3::bigint / 1000.0), revoked_reason = $2
        WHERE session_id = $1 AND revoked_at IS NULL
        """,
        session_id,
        reason,
        now_ms,
    )
    return bool(status == "UPDATE 1")


async def insert_refresh_token(
    connection: asyncpg.Connection,
    token_hash: bytes,
    session_id: UUID,
    *,
    parent_hash: bytes | None,
    now_ms: int,
) -> None:
    """Keep the hash of a new refresh token; the first of a session has no parent."""
    await connection.execute(
        """
        INSERT INTO refresh_token (token_hash, session_id, parent_hash, created_at)
        VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0))
        """,
        token_hash,
        session_id,
        parent_hash,
        now_ms,
    )


async def spend_refresh_token(connection: asyncpg.Connection, token_hash: bytes, now_ms: int) -> UUID | None:
    """Mark a token as used and return its session; None when it is unknown or was used before.

    Of any number of callers at once, one gets the session.
    """
    session_id: UUID | None = await connection.fetchval(
        """
        UPDATE refresh_token
        SET used_at = to_timestamp($2::bigint / 1000.0)
        WHERE token_hash = $1 AND used_at IS NULL
        RETURNING session_id
        """,
        token_hash,
        now_ms,
    )
    return session_id


async def select_session_of_token(connection: asyncpg.Connection, token_hash: bytes) -> UUID | None:
    """Return the session a refresh token was ever given for, used or not; None when it is unknown."""
    session_id: UUID | None = await connection.fetchval(
        """
        SELECT session_id
        FROM refresh_token
        WHERE token_hash = $1
        """,
        token_hash,
    )
    return session_id


def _principal(row: asyncpg.Record) -> Principal:
    return Principal(row["user_id"], row["username"], Role(row["role"]), row["session_id"])
