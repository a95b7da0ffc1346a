"""Answers kept under the key of their request, as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request that came before under the same key; without a status it is still being answered."""

    request_hash: bytes
    claim: UUID
    status: int | None
    content_type: str | None
    body: bytes | None


async def claim_key(
    pool: asyncpg.Pool,
    key_hash: bytes,
    request_hashes: Sequence[bytes],
    claim: UUID,
    *,
    now_ms: int,
    given_up_ms: int,
) -> KeptRequest:
    """Return what is kept under a key: what came before, or, with ``claim``, this request.

    Any of the hashes is that of this request; the first is kept. A request without an answer that came before
    ``given_up_ms`` counts as one that never came. Of any number of callers at once one finds its own claim.
    """
    row = await pool.fetchrow(
        """
        INSERT INTO idempotency_key AS kept (key_hash, request_hash, claim, claimed_at)
        VALUES ($1, ($2::bytea[])[1], $3, to_timestamp($4::bigint / 1000.0))
        ON CONFLICT (key_hash) DO UPDATE
        SET (request_hash, claim, claimed_at) = (
            SELECT
                CASE WHEN given_up THEN excluded.request_hash ELSE kept.request_hash END,
                CASE WHEN given_up THEN excluded.claim ELSE kept.claim END,
                CASE WHEN given_up THEN excluded.claimed_at ELSE kept.claimed_at END
            FROM (
                SELECT kept.status IS NULL
                    AND kept.claimed_at < to_timestamp($5::bigint / 1000.0)
                    AND kept.request_hash = ANY ($2::bytea[]) AS given_up
            ) AS old
        )
        RETURNING request_hash, claim, status, content_type, body
        """,
        key_hash,
        request_hashes,
        claim,
        now_ms,
        given_up_ms,
    )
    return KeptRequest(row["request_hash"], row["claim"], row["status"], row["content_type"], row["body"])


async def keep_answer(
    connection: asyncpg.Connection | asyncpg.Pool,
    key_hash: bytes,
    claim: UUID,
    *,
    status: int,
    content_type: str,
    body: bytes,
) -> bool:
    """Keep the answer to a request that was claimed; False when the claim is no longer good."""
    result = await connection.execute(
        """
        UPDATE idempotency_key
        SET status = $3, content_type = $4, body = $5
        WHERE key_hash = $1 AND claim = $2
        """,
        key_hash,
        claim,
        status,
        content_type,
        body,
    )
    return bool(result == "UPDATE 1")


async def release_key(pool: asyncpg.Pool, key_hash: bytes, claim: UUID) -> None:
    """Forget a claim: nothing was done, and asking again may do it."""
    await pool.execute(
        """
        DELETE FROM idempotency_key
        WHERE key_hash = $1 AND claim = $2 AND status IS NULL
        """,
        key_hash,
        claim,
    )


async def delete_old_keys(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget what was asked before this time."""
    # Served by idempotency_key_claimed_at.
    await pool.execute(
        """
        DELETE FROM idempotency_key
        WHERE claimed_at < to_timestamp($1::bigint / 1000.0)
        """,
        before_ms,
    )
