"""Whether the database answers."""

import asyncpg


async def select_one(connection: asyncpg.Connection, *, timeout_s: float) -> None:
    """Ask for the least there is."""
    await connection.fetchval("SELECT 1", timeout=timeout_s)
