"""One-time tickets for WebSockets as rows."""

from uuid import UUID

import asyncpg

from utils.accounts import Principal, Role


async def insert_ticket(
    connection: asyncpg.Connection,
    ticket_hash: bytes,
    session_id: UUID,
    *,
    origin: str | None,
    expires_ms: int,
) -> None:
    """Keep the hash of a ticket of a session."""
    await connection.execute(
        """
        INSERT INTO socket_ticket (ticket_hash, session_id, origin, expires_at)
        VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0))
        """,
        ticket_hash,
        session_id,
        origin,
        expires_ms,
    )


async def spend_ticket(
    pool: asyncpg.Pool, ticket_hash: bytes, *, origin: str | None, now_ms: int, idle_ms: int
) -> Principal | None:
    """Return who a ticket stands for and make it worthless; None when it, or its session, is not good.

    Of any number of callers at once, one gets the principal. A ticket shown by another origin is spent too.
    """
    row = await pool.fetchrow(
        """
        WITH spent AS (
            DELETE FROM socket_ticket
            WHERE ticket_hash = $1
            RETURNING session_id, origin, expires_at
        )
        SELECT app_user.user_id, app_user.username, app_user.role, session.session_id
        FROM spent
        JOIN session ON session.session_id = spent.session_id
        JOIN app_user ON app_user.user_id = session.user_id
        WHERE spent.origin IS NOT DISTINCT FROM $2
            AND spent.expires_at > to_timestamp($3::bigint / 1000.0)
            AND session.revoked_at IS NULL
            AND session.expires_at > to_timestamp($3::bigint / 1000.0)
            AND session.last_used_at > to_timestamp($4::bigint / 1000.0)
            AND app_user.disabled_at IS NULL
        """,
        ticket_hash,
        origin,
        now_ms,
        idle_ms,
    )
    if row is None:
        return None
    return Principal(row["user_id"], row["username"], Role(row["role"]), row["session_id"])


async def delete_expired_tickets(pool: asyncpg.Pool, now_ms: int) -> None:
    """Forget tickets that nobody used in time."""
    # Served by socket_ticket_expires_at.
    await pool.execute(
        """
        DELETE FROM socket_ticket
        WHERE expires_at <= to_timestamp($1::bigint / 1000.0)
        """,
        now_ms,
    )
