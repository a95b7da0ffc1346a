"""Requests with a key whose worker has died long ago."""

import asyncpg

from services.idempotency import GIVEN_UP_MS

LET_TIME_PASS = "UPDATE idempotency_key SET claimed_at = claimed_at - make_interval(secs => $1)"


async def let_claims_grow_old(pool: asyncpg.Pool) -> None:
    """Make every claim older than the age at which it is given up."""
    await pool.execute(LET_TIME_PASS, GIVEN_UP_MS / 1000 + 1)
