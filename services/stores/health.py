"""Whether the database answers, and how new its schema is."""

import asyncpg


async def select_schema_version(connection: asyncpg.Connection, *, timeout_s: float) -> int:
    """Return the number of the newest migration that was applied; 0 where none was."""
    try:
        version = await connection.fetchval("SELECT max(version) FROM schema_migration", timeout=timeout_s)
    except asyncpg.UndefinedTableError:
        return 0
    return int(version or 0)
