"""The refresh tokens that keep sessions going, as rows; only hashes are kept.

A spent row stays as long as its session, so that a second use is noticed.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg


@dataclass(frozen=True, slots=True)
class SpentToken:
    """A refresh token that was used before: its session, when it was used, and the hash of its child.

    ``child_hash`` is None when the child was used too, or never made.
    """

    session_id: UUID
    used_ms: int
    child_hash: bytes | None


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


async def select_spent_token(connection: asyncpg.Connection, token_hash: bytes) -> SpentToken | None:
    """Return what became of a refresh token that was used before; None when it is unknown."""
    # Served by the primary key and refresh_token_parent_hash_key.
    row = await connection.fetchrow(
        """
        SELECT
            token.session_id,
            (date_part('epoch', token.used_at) * 1000)::bigint AS used_ms,
            child.token_hash AS child_hash
        FROM refresh_token AS token
        LEFT JOIN refresh_token AS child ON child.parent_hash = token.token_hash AND child.used_at IS NULL
        WHERE token.token_hash = $1 AND token.used_at IS NOT NULL
        """,
        token_hash,
    )
    return SpentToken(row["session_id"], row["used_ms"], row["child_hash"]) if row else None
