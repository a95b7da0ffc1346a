"""Which migrations a database has had; they are written by ``app_extensions.migrations``."""

import asyncpg


async def select_applied(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return version, name, flavour and checksum of each, oldest first; none where there is no schema."""
    if not await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL"):
        return []
    rows: list[asyncpg.Record] = await connection.fetch(
        "SELECT version, name, flavour, sha256 FROM schema_migration ORDER BY version"
    )
    return rows
