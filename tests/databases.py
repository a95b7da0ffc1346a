"""Where tests keep their databases: a PostgreSQL of their own, or the one that TIMESCALE_TEST_DSN names."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

TIMESCALE_DSN = os.environ.get("TIMESCALE_TEST_DSN", "")
EMBEDDED = "postgres"
POSTGRESQL_PORT = 5432
# The policies of TimescaleDB run when a test says so, and not also when the server thinks it is time.
KEEP_STILL = """
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM _timescaledb_functions.stop_background_workers();
    END IF;
END
$$
"""


def database_beside(dsn: str, name: str) -> str:
    """Return the address of another database of the same tests; on a server of others it has their mark."""
    parts = urlsplit(dsn)
    own = parts.path.removeprefix("/")
    return parts._replace(path=f"/{name if own == EMBEDDED else f'{own}_{name}'}").geturl()


def name_of(dsn: str) -> str:
    """Return the name of the database at the address."""
    return urlsplit(dsn).path.removeprefix("/")


async def execute(dsn: str, *statements: str) -> None:
    """Run statements, each by itself, over a connection of their own."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def create_database(dsn: str, name: str) -> str:
    """Make an empty database beside the one at the address, and return its address."""
    made = database_beside(dsn, name)
    await execute(dsn, f"CREATE DATABASE {name_of(made)}")
    return made


async def drop_database(dsn: str, name: str) -> None:
    """Remove what ``create_database`` made, whoever is connected to it."""
    await execute(dsn, f"DROP DATABASE {name_of(database_beside(dsn, name))} WITH (FORCE)")


@contextlib.contextmanager
def borrowed_database(server_dsn: str) -> Iterator[str]:
    """Make a database on a server of others; what was made beside it goes with it."""
    mark = f"tests_{os.getpid()}"
    asyncio.run(execute(server_dsn, f"CREATE DATABASE {mark}"))
    try:
        yield urlsplit(server_dsn)._replace(path=f"/{mark}").geturl()
    finally:
        asyncio.run(_drop_all(server_dsn, mark))


async def _drop_all(dsn: str, mark: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        names = await connection.fetch(
            "SELECT datname FROM pg_database WHERE datname = $1 OR starts_with(datname, $1 || '_')", mark
        )
        for (name,) in names:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def door(dsn: str) -> Path | tuple[str, int]:
    """Return where the server of an address listens: a Unix socket, or a host and a port."""
    parts = urlsplit(dsn)
    if parts.hostname:
        return parts.hostname, parts.port or POSTGRESQL_PORT
    return Path(parse_qs(parts.query)["host"][0], f".s.PGSQL.{POSTGRESQL_PORT}")


def through(dsn: str, port: int) -> str:
    """Return the address of the same database by way of a port of the loopback."""
    parts = urlsplit(dsn)
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable").geturl()
