"""Sessions that can never be used again: forgotten in pieces, since one of them may hold thousands of tokens.

A session goes only once its refresh tokens have: what the database deletes along with a row has no bound.
Nothing here waits for a row that somebody holds: whoever signs in and the clean-up of the hour could wait for
each other.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

SESSIONS_AT_ONCE = 500
TOKENS_AT_ONCE = 2_000
# Whoever signs in waits for it, and leaves one session more: the others are for the hour.
SESSIONS_AT_SIGN_IN = 10


async def delete_some_of_user(connection: asyncpg.Connection, user_id: int, now_ms: int) -> None:
    """Forget a few of a user's sessions that can never be used again, with their refresh tokens."""
    # Served by session_user_id_expires_at.
    rows = await connection.fetch(
        """
        SELECT session_id
        FROM session
        WHERE user_id = $1 AND expires_at <= to_timestamp($2::bigint / 1000.0)
        ORDER BY expires_at, session_id
        LIMIT $3
        """,
        user_id,
        now_ms,
        SESSIONS_AT_SIGN_IN,
    )
    session_ids = [row["session_id"] for row in rows]
    if session_ids:
        await _delete_tokens(connection, session_ids)
        await _delete_without_tokens(connection, session_ids)


async def delete_all(pool: asyncpg.Pool, now_ms: int) -> None:
    """Forget every session that can never be used again, with its refresh tokens."""
    # Each is looked at once: one that somebody holds now is left for the next time.
    after = (datetime.fromtimestamp(0, UTC), UUID(int=0))
    while rows := await _select_some(pool, now_ms, after):
        session_ids = [row["session_id"] for row in rows]
        while await _delete_tokens(pool, session_ids) == TOKENS_AT_ONCE:
            pass
        await _delete_without_tokens(pool, session_ids)
        after = (rows[-1]["created_at"], session_ids[-1])


async def _select_some(
    pool: asyncpg.Pool, now_ms: int, after: tuple[datetime, UUID]
) -> Sequence[asyncpg.Record]:
    # Served by session_created_at: the oldest have expired first. The last time reads to the end of it.
    rows: Sequence[asyncpg.Record] = await pool.fetch(
        """
        SELECT created_at, session_id
        FROM session
        WHERE expires_at <= to_timestamp($1::bigint / 1000.0) AND (created_at, session_id) > ($2, $3)
        ORDER BY created_at, session_id
        LIMIT $4
        """,
        now_ms,
        *after,
        SESSIONS_AT_ONCE,
    )
    return rows


async def _delete_tokens(connection: asyncpg.Connection | asyncpg.Pool, session_ids: Sequence[UUID]) -> int:
    """Forget so many refresh tokens of sessions as one statement may; return how many there were."""
    # Served by refresh_token_session_id.
    status = await connection.execute(
        """
        WITH token AS MATERIALIZED (
            SELECT token_hash
            FROM refresh_token
            WHERE session_id = ANY ($1::uuid[])
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        DELETE FROM refresh_token
        USING token
        WHERE refresh_token.token_hash = token.token_hash
        """,
        session_ids,
        TOKENS_AT_ONCE,
    )
    return int(status.removeprefix("DELETE "))


async def _delete_without_tokens(
    connection: asyncpg.Connection | asyncpg.Pool, session_ids: Sequence[UUID]
) -> None:
    # Served by the primary key and refresh_token_session_id.
    await connection.execute(
        """
        WITH ended AS MATERIALIZED (
            SELECT session_id
            FROM session
            WHERE session_id = ANY ($1::uuid[])
                AND NOT EXISTS (
                    SELECT FROM refresh_token WHERE refresh_token.session_id = session.session_id
                )
            FOR UPDATE SKIP LOCKED
        )
        DELETE FROM session
        USING ended
        WHERE session.session_id = ended.session_id
        """,
        session_ids,
    )
