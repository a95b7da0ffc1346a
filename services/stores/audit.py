"""What people did that others may ask about, as rows that are only ever added."""

import asyncpg

from utils.accounts import Action, AuditEvent, Caller


async def insert_event(
    connection: asyncpg.Connection,
    action: Action,
    caller: Caller,
    *,
    actor_user_id: int | None,
    subject_user_id: int | None,
    detail: str = "",
    now_ms: int,
) -> None:
    """Add an event."""
    await connection.execute(
        """
        INSERT INTO audit_event (
            occurred_at, action, actor_user_id, subject_user_id, detail, address, request_id
        )
        VALUES (to_timestamp($1::bigint / 1000.0), $2, $3, $4, $5, $6, $7)
        """,
        now_ms,
        action,
        actor_user_id,
        subject_user_id,
        detail,
        caller.address,
        caller.request_id,
    )


async def select_events(pool: asyncpg.Pool, *, before_event_id: int | None, limit: int) -> list[AuditEvent]:
    """Return events, the newest first, beginning before the given one."""
    # Served by the primary key.
    rows = await pool.fetch(
        """
        SELECT
            audit_event_id, (date_part('epoch', occurred_at) * 1000)::bigint AS occurred_ms,
            action, actor_user_id, subject_user_id, detail, address, request_id
        FROM audit_event
        WHERE $1::bigint IS NULL OR audit_event_id < $1
        ORDER BY audit_event_id DESC
        LIMIT $2
        """,
        before_event_id,
        limit,
    )
    return [
        AuditEvent(
            event_id=row["audit_event_id"],
            occurred_ms=row["occurred_ms"],
            action=row["action"],
            actor_user_id=row["actor_user_id"],
            subject_user_id=row["subject_user_id"],
            detail=row["detail"],
            address=row["address"],
            request_id=row["request_id"],
        )
        for row in rows
    ]


async def delete_old_events(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget what happened before this time."""
    # Served by audit_event_occurred_at.
    await pool.execute(
        """
        DELETE FROM audit_event
        WHERE occurred_at < to_timestamp($1::bigint / 1000.0)
        """,
        before_ms,
    )
