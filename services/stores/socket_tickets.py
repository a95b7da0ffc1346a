"""One-time tickets for WebSockets as rows."""

from uuid import UUID

import asyncpg

from utils.accounts import Principal, Role

_HOLDER = """
    WITH ticket AS ({ticket})
    SELECT app_user.user_id, app_user.username, app_user.role, session.session_id
    FROM ticket
    JOIN session ON session.session_id = ticket.session_id
    JOIN app_user ON app_user.user_id = session.user_id
    WHERE ticket.origin IS NOT DISTINCT FROM $2
        AND ticket.expires_at > to_timestamp($3::bigint / 1000.0)
        AND session.revoked_at IS NULL
        AND session.expires_at > to_timestamp($3::bigint / 1000.0)
        AND session.last_used_at > to_timestamp($4::bigint / 1000.0)
        AND app_user.disabled_at IS NULL
"""
_SELECT = _HOLDER.format(
    ticket="SELECT session_id, origin, expires_at FROM socket_ticket WHERE ticket_hash = $1"
)
_SPEND = _HOLDER.format(
    ticket="DELETE FROM socket_ticket WHERE ticket_hash = $1 RETURNING session_id, origin, expires_at"
)


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


async def select_ticket(
    pool: asyncpg.Pool, ticket_hash: bytes, *, origin: str | None, now_ms: int, idle_ms: int
) -> Principal | None:
    """Return who a ticket stands for at this moment; None when it, or its session, is not good."""
    # Served by the primary keys.
    return _principal(await pool.fetchrow(_SELECT, ticket_hash, origin, now_ms, idle_ms))


async def spend_ticket(
    pool: asyncpg.Pool, ticket_hash: bytes, *, origin: str | None, now_ms: int, idle_ms: int
) -> Principal | None:
    """Return who a ticket stands for and make it worthless; None when it, or its session, is not good.

    Of any number of callers at once, one gets the principal. A ticket shown by another origin is spent too.
    """
    return _principal(await pool.fetchrow(_SPEND, ticket_hash, origin, now_ms, idle_ms))


def _principal(row: asyncpg.Record | None) -> Principal | None:
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
