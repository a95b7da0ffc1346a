"""The ends of sessions: revoked while they could go on. How they are forgotten is in expired_sessions.py."""

from uuid import UUID

import asyncpg


async def revoke_oldest_sessions(
    connection: asyncpg.Connection, user_id: int, *, kept: int, reason: str, now_ms: int
) -> None:
    """End all sessions of a user but the newest ``kept``."""
    # Served by session_user_id_expires_at: a session that began later also expires later.
    await connection.execute(
        """
        UPDATE session
        SET revoked_at = to_timestamp($4::bigint / 1000.0), revoked_reason = $3
        WHERE session_id IN (
            SELECT session_id
            FROM session
            WHERE user_id = $1 AND revoked_at IS NULL
            ORDER BY expires_at DESC, session_id
            OFFSET $2
        )
        """,
        user_id,
        kept,
        reason,
        now_ms,
    )


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


async def revoke_sessions_of_user(
    connection: asyncpg.Connection,
    user_id: int,
    *,
    session_id: UUID | None = None,
    spared_id: UUID | None = None,
    reason: str,
    now_ms: int,
) -> int:
    """End a user's sessions, or only one of them, or all but one; return how many had not ended before."""
    # Served by session_user_id_expires_at.
    status = await connection.execute(
        """
        UPDATE session
        SET revoked_at = to_timestamp($5::bigint / 1000.0), revoked_reason = $4
        WHERE user_id = $1
            AND ($2::uuid IS NULL OR session_id = $2)
            AND ($3::uuid IS NULL OR session_id <> $3)
            AND revoked_at IS NULL
        """,
        user_id,
        session_id,
        spared_id,
        reason,
        now_ms,
    )
    return int(status.removeprefix("UPDATE "))
