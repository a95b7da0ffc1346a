"""Locks that a connection holds until its transaction ends, so that none outlives its worker."""

import asyncpg


async def lock_until_commit(connection: asyncpg.Connection, name: str, timeout_s: float) -> None:
    """Wait for the lock of that name, among all workers, and hold it until the transaction ends.

    Raises: TimeoutError.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name, timeout=timeout_s)
