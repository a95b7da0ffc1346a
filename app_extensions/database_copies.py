"""Databases as whole things: backed up, restored, moved; who has to be away, and which schema fits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app_extensions.db_pool import APPLICATION_NAME, open_copy_connection
from app_extensions.migrations import hold_schema, known_tables, migrate_held, read_migrations
from services.backups.archive import BackupReader, written_backup
from services.backups.copying import Told, dump, move, refuse_filled, restore
from services.backups.manifest import AppliedMigration, BackupError, Manifest, TableCopy, refuse_unfit
from services.stores.schema_migrations import select_applied
from services.stores.table_copies import count_others
from utils.clock import Clock

CLOSE_TIMEOUT_S = 5
# Connections of a service that has just stopped may need a moment to be gone.
GONE_TIMEOUT_S = 3.0
LOOK_EVERY_S = 0.1
REMEDY = "Name an empty one, or have everything in it replaced with --replace."


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, and whether the new database is one of TimescaleDB."""

    tables: tuple[TableCopy, ...]
    timescale: bool


async def back_up(dsn: str, path: Path, clock: Clock, *, overwrite: bool, told: Told) -> Manifest:
    """Write all tables as they are at this instant to a file; the service may run.

    Raises: BackupError.
    """
    with written_backup(path, overwrite=overwrite) as writer:
        async with _connected(dsn) as connection:
            return await dump(connection, known_tables(), writer, made_at_ms=clock.now_ms(), told=told)


def refuse_unknown_schema(manifest: Manifest) -> None:
    """Refuse a backup of a schema that this edition does not know.

    Raises: BackupError.
    """
    known = {
        (each.version, each.flavour): AppliedMigration(each.version, each.name, each.flavour, each.sha256)
        for flavour in ("plain", "timescale")
        for each in read_migrations(flavour)
    }
    refuse_unfit(manifest, tuple(known.values()))


async def restore_into(dsn: str, reader: BackupReader, *, replace: bool, told: Told) -> list[str]:
    """Fill a database from a backup, then migrate it; return the names of the migrations that came after.

    Raises: BackupError, MigrationError.
    """
    manifest = reader.manifest
    async with _connected(dsn) as connection:
        await _hold(connection)
        await _be_alone(connection)
        if not replace:
            await refuse_filled(connection, known_tables(), REMEDY)
        present = max((row["version"] for row in await select_applied(connection)), default=0)
        if present > manifest.version:
            raise BackupError(
                f"The database has schema {present}, and the backup the older schema {manifest.version}. "
                "Restore into a new database; it is migrated afterwards."
            )
        await migrate_held(connection, until=manifest.version)
        await restore(connection, reader, known_tables(), replace=replace, told=told)
        return await migrate_held(connection)


async def move_database(source_dsn: str, target_dsn: str, told: Told) -> Moved:
    """Copy everything from one database into an empty one, and compare both.

    Raises: BackupError, MigrationError.
    """
    async with _connected(source_dsn) as source, _connected(target_dsn) as target:
        await _hold(source)
        await _hold(target)
        await _be_alone(source)
        await _be_alone(target)
        await migrate_held(source)
        await refuse_filled(target, known_tables())
        await migrate_held(target)
        tables = await move(source, target, known_tables(), told)
        flavours = {row["flavour"] for row in await select_applied(target)}
    return Moved(tables, timescale="timescale" in flavours)


@contextlib.asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await open_copy_connection(dsn)
    try:
        yield connection
    except asyncpg.LockNotAvailableError as error:
        raise BackupError(
            "Somebody else uses the tables of the database. Stop the service, and whoever reads there, "
            "then try again."
        ) from error
    finally:
        # Ends the transaction and frees the locks, however this ended.
        await connection.close(timeout=CLOSE_TIMEOUT_S)


async def _hold(connection: asyncpg.Connection) -> None:
    if not await hold_schema(connection):
        raise BackupError(
            "Somebody else migrates, restores or moves this database, or both ends are the same one. "
            "Wait for that to end, or name another one."
        )


async def _be_alone(connection: asyncpg.Connection) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GONE_TIMEOUT_S):
            while await count_others(connection, APPLICATION_NAME):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(LOOK_EVERY_S)
            return
    raise BackupError(
        "The service, or a command of it, is using this database. Stop the service on all machines, "
        "then try again."
    )
