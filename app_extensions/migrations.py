"""Bring a database to the newest schema: numbered SQL files, each applied once, under one advisory lock.

``NNNN_name.sql`` runs everywhere; ``NNNN_name.timescale.sql`` where TimescaleDB can be used, and
``NNNN_name.plain.sql`` elsewhere. A file is one transaction, unless its first line is
``-- no-transaction``: then its statements, parted by lines ``--;;``, run one at a time.
"""

import asyncio
import contextlib
import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

SQL_DIR = Path(__file__).resolve().parent.parent / "sql"
MADE_TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS ([a-z_.]+) \(", re.MULTILINE)
FILE_PATTERN = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+?)(\.(?P<flavour>timescale|plain))?\.sql")
MIGRATION_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    flavour text,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
# Any constant serves; every starter of this program waits for the same one.
ADVISORY_LOCK_ID = 4_711_061_984
LOCK_TIMEOUT_S = 60.0
LOCK_PAUSE_S = 0.1
STATEMENT_TIMEOUT_S = 600.0
# Whoever waits for a table makes everybody wait who comes after, and the service gives up after two seconds.
# So a file that does not get its tables soon lets them all pass, and is tried again. It does so before
# PostgreSQL looks for deadlocks, after a second, which it might end on the service's side.
TABLE_LOCK_TIMEOUT = "500ms"
TABLE_LOCK_PAUSE_S = 0.5
TABLE_LOCK_TRIES = 90

log = logging.getLogger(__name__)


class MigrationError(Exception):
    """Say in one sentence why the schema could not be brought up to date."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: ``Migration(1, "market", None, "CREATE …")``."""

    version: int
    name: str
    flavour: str | None
    text: str

    @property
    def sha256(self) -> str:
        """Return the checksum of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """Return what to run: the whole file at once, or its parts one by one."""
        return self.text.split("\n--;;\n") if self.in_pieces else [self.text]

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables that the file makes."""
        return tuple(MADE_TABLE.findall(self.text))

    @property
    def in_pieces(self) -> bool:
        """Tell whether the file must run outside a transaction."""
        return self.text.startswith("-- no-transaction")


def read_migrations(flavour: str, folder: Path = SQL_DIR) -> list[Migration]:
    """Return the migrations for ``timescale`` or ``plain``, in order of their version."""
    found = []
    for path in sorted(folder.glob("[0-9]*.sql")):
        match = FILE_PATTERN.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"The file {path.name} is not named like 0001_name.sql.")
        if match["flavour"] in (None, flavour):
            found.append(Migration(int(match["version"]), match["name"], match["flavour"], path.read_text()))
    return found


def known_tables(folder: Path = SQL_DIR) -> tuple[str, ...]:
    """Return the names of all tables that migrations have ever made."""
    return tuple(name for migration in read_migrations("plain", folder) for name in migration.tables)


async def migrate(dsn: str, folder: Path = SQL_DIR) -> list[str]:
    """Apply what is missing and return the names applied, in order; empty when all was there.

    Safe to call from many processes at once: one works, the others wait at most a minute.
    Raises: MigrationError when an applied file has changed since, or the lock does not come free.
    """
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=STATEMENT_TIMEOUT_S)
    try:
        await _wait_for_schema(connection)
        return await migrate_held(connection, folder)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "The database is not up to date, and this role may not change its tables: "
            "run quart migrate as the role that owns them, then start again."
        ) from error
    finally:
        # Closing the session frees the advisory lock, however this ended.
        await connection.close(timeout=5)


async def hold_schema(connection: asyncpg.Connection) -> bool:
    """Return whether this connection now keeps others from migrating, and so the service from starting."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK_ID))


async def _wait_for_schema(connection: asyncpg.Connection) -> None:
    # Asked again and again: an index that is made concurrently waits for every statement that goes on, and so
    # for one that waits for the lock of its maker.
    try:
        async with asyncio.timeout(LOCK_TIMEOUT_S):
            while not await hold_schema(connection):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(LOCK_PAUSE_S)
    except TimeoutError as error:
        raise MigrationError(
            "Another process has been migrating the database for over a minute. Find it, and try again."
        ) from error


async def migrate_held(
    connection: asyncpg.Connection, folder: Path = SQL_DIR, *, until: int | None = None
) -> list[str]:
    """Do what ``migrate`` does, for a caller who holds the advisory lock, up to a version if one is given."""
    # Looked for first: a role that may use the tables need not be one that may make them.
    if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
        await connection.execute(MIGRATION_TABLE)
    applied = {row["version"]: row for row in await connection.fetch("SELECT * FROM schema_migration")}
    flavour = await _choose_flavour(connection, {row["flavour"] for row in applied.values()})
    names = []
    for migration in read_migrations(flavour, folder):
        before = applied.get(migration.version)
        if before is None and until is not None and migration.version > until:
            break
        if before is None:
            await _apply(connection, migration)
            names.append(f"{migration.version:04d}_{migration.name}")
        elif before["sha256"] != migration.sha256:
            raise MigrationError(
                f"Migration {migration.version:04d}_{migration.name} was changed after it had been applied. "
                "Restore the file, and put the change into a new one."
            )
    return names


async def _choose_flavour(connection: asyncpg.Connection, applied: set[str | None]) -> str:
    # A database keeps the flavour it began with: views and continuous aggregates share their names.
    for flavour in ("timescale", "plain"):
        if flavour in applied:
            return flavour
    # What a server preloads is told to superusers only; but only one that preloads TimescaleDB knows this
    # setting.
    usable = await connection.fetchval(
        """
        SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb')
            AND current_setting('timescaledb.disable_load', TRUE) IS NOT NULL
        """
    )
    if not usable:
        return "plain"
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except asyncpg.InsufficientPrivilegeError:
        log.warning("timescaledb is there but may not be created; plain tables are used")
        return "plain"
    # Known once the extension is there. The Apache build has neither compression nor continuous aggregates.
    licence = await connection.fetchval("SELECT current_setting('timescaledb.license', TRUE)")
    return "timescale" if licence == "timescale" else "plain"


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    log.info("migrating", extra={"version": migration.version, "migration": migration.name})
    try:
        for _ in range(TABLE_LOCK_TRIES):
            with contextlib.suppress(asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                await _apply_now(connection, migration)
                return
            await asyncio.sleep(TABLE_LOCK_PAUSE_S)
    finally:
        await connection.execute("RESET lock_timeout")
    raise MigrationError(
        f"Migration {migration.version:04d}_{migration.name} waited in vain for tables that others use. "
        "Find who reads or writes there for so long, and start again."
    )


async def _apply_now(connection: asyncpg.Connection, migration: Migration) -> None:
    if migration.in_pieces:
        # Each piece can be run twice, so an interrupted file is simply run again.
        for statement in migration.statements:
            # What is made concurrently is in nobody's way while it waits, and would be left half made.
            await _limit_waits(connection, "0" if "CONCURRENTLY" in statement else TABLE_LOCK_TIMEOUT)
            await connection.execute(statement)
        await _record(connection, migration)
        return
    await _limit_waits(connection, TABLE_LOCK_TIMEOUT)
    async with connection.transaction():
        await connection.execute(migration.text)
        await _record(connection, migration)


async def _limit_waits(connection: asyncpg.Connection, longest: str) -> None:
    await connection.execute("SELECT set_config('lock_timeout', $1, FALSE)", longest)


async def _record(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_migration (version, name, flavour, sha256) VALUES ($1, $2, $3, $4)",
        migration.version,
        migration.name,
        migration.flavour,
        migration.sha256,
    )


def migrate_blocking(dsn: str) -> list[str]:
    """Do what ``migrate`` does, for callers without an event loop."""
    return asyncio.run(migrate(dsn))
