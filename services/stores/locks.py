"""Locks that a connection holds until it is given back or lost, so that none outlives its worker."""

import asyncpg


async def try_lock(connection: asyncpg.Connection, name: str) -> bool:
    """Return whether this connection now holds the lock of that name, among all workers."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name))
