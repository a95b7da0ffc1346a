"""Into a file, out of a file, and from server to server; each is whole or has not happened.

The connections are the callers', and so is the schema: both ends have the same version of it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from services.backups.archive import BackupReader, BackupWriter
from services.backups.manifest import AppliedMigration, BackupError, Manifest, TableCopy
from services.stores import table_copies
from services.stores.schema_migrations import select_applied
from services.stores.table_copies import Digest, Lock, Pieces, Sink, Table
from utils.spoken import counted
from utils.tasks import end_tasks

# Of the pieces that a server sends, how many may wait for the other one; each has some kilobytes.
PIECES_WAITING_MAX = 16
Told = Callable[[str, int], None]


async def dump(
    connection: asyncpg.Connection, names: Sequence[str], writer: BackupWriter, *, made_at_ms: int, told: Told
) -> Manifest:
    """Copy the tables as they are at one instant, while others go on writing; ``told`` hears of every piece.

    Raises: BackupError when the schema changes meanwhile.
    """
    tables = await table_copies.select_tables(connection, names)
    if not tables:
        raise BackupError("The database holds no table of this service. Check DB_CONNECTION_STRING.")
    lock = await table_copies.make_lock(connection, _names(tables), Lock.FORM)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(lock)
        if await table_copies.select_tables(connection, names) != tables:
            raise BackupError("The database was migrated just now. Make the backup again.")
        migrations = await _applied(connection)
        copies = []
        for table in tables:
            with writer.table(table) as take:
                await table_copies.copy_out(connection, table, _counted(table, take, told))
            copies.append(TableCopy(table, await table_copies.select_digest(connection, table)))
        # Last: numbers are given out beside all transactions, and none in the tables may be given out again.
        numbers = await table_copies.select_next_numbers(connection, _names(tables))
    manifest = Manifest(made_at_ms, migrations, tuple(copies), numbers)
    writer.manifest(manifest)
    return manifest


async def restore(
    connection: asyncpg.Connection, reader: BackupReader, names: Sequence[str], *, replace: bool, told: Told
) -> None:
    """Fill the tables from a backup and compare what they then hold, in one transaction.

    Raises: BackupError when they hold something and ``replace`` does not say that this may go.
    """
    manifest = reader.manifest
    present = await table_copies.select_tables(connection, names)
    lock = await table_copies.make_lock(connection, _names(present), Lock.EVERYBODY)
    _refuse_other_form([copy.table for copy in manifest.tables], present)
    async with connection.transaction():
        await connection.execute(lock)
        if replace:
            await table_copies.truncate_tables(connection, _names(present))
        await refuse_filled(connection, names)
        for copy in manifest.tables:
            pieces = _counted_pieces(copy.table, reader.table(copy.table), told)
            await table_copies.copy_in(connection, copy.table, pieces)
            _refuse_different(
                copy.table, copy.digest, await table_copies.select_digest(connection, copy.table)
            )
        for number in manifest.next_numbers:
            await table_copies.set_next_number(connection, number)


async def move(
    source: asyncpg.Connection, target: asyncpg.Connection, names: Sequence[str], told: Told
) -> tuple[TableCopy, ...]:
    """Copy the tables to another server in one transaction, compare both ends, and return what was copied.

    Nobody can write at the source meanwhile. Raises: BackupError.
    """
    tables = await table_copies.select_tables(source, names)
    present = await table_copies.select_tables(target, names)
    _refuse_other_form(tables, present)
    quiet = await table_copies.make_lock(source, _names(tables), Lock.WRITERS)
    alone = await table_copies.make_lock(target, _names(present), Lock.EVERYBODY)
    copies = []
    async with target.transaction(), source.transaction(isolation="repeatable_read"):
        await source.execute(quiet)
        await target.execute(alone)
        await refuse_filled(target, names)
        for table in tables:
            await _pass_on(source, target, table, told)
            copy = TableCopy(table, await table_copies.select_digest(source, table))
            _refuse_different(table, copy.digest, await table_copies.select_digest(target, table))
            copies.append(copy)
        for number in await table_copies.select_next_numbers(source, _names(tables)):
            await table_copies.set_next_number(target, number)
    return tuple(copies)


async def refuse_filled(
    connection: asyncpg.Connection, names: Sequence[str], remedy: str = "Name an empty one."
) -> None:
    """Refuse a database that holds any row of ours, and say what to do.

    Raises: BackupError.
    """
    filled = await table_copies.select_filled(connection, names)
    if filled:
        others = f" and {len(filled) - 1} more" if len(filled) > 1 else ""
        raise BackupError(
            f"The database to be filled holds something already, in {filled[0]}{others}, "
            f"and was left as it is. {remedy}"
        )


async def _applied(connection: asyncpg.Connection) -> tuple[AppliedMigration, ...]:
    return tuple(AppliedMigration(*row) for row in await select_applied(connection))


def _names(tables: Sequence[Table]) -> list[str]:
    return [table.name for table in tables]


def _refuse_other_form(wanted: Sequence[Table], present: Sequence[Table]) -> None:
    columns = {table.name: set(table.columns) for table in present}
    for table in wanted:
        if columns.get(table.name) != set(table.columns):
            raise BackupError(
                f"The table {table.name} has other columns in the database to be filled. Name a database "
                "whose schema nobody has changed by hand."
            )


def _refuse_different(table: Table, wanted: Digest, found: Digest) -> None:
    if wanted != found:
        raise BackupError(
            f"The table {table.name} came out different: {counted(found.rows, 'row')} with the checksum "
            f"{found.checksum}, and not {wanted.rows:,} with {wanted.checksum}. Nothing was kept. "
            "Please report this."
        )


async def _pass_on(source: asyncpg.Connection, target: asyncpg.Connection, table: Table, told: Told) -> None:
    async def read(sink: Sink) -> None:
        await table_copies.copy_out(source, table, _counted(table, sink, told))

    await table_copies.copy_in(target, table, _pieces_of(read))


async def _pieces_of(read: Callable[[Sink], Awaitable[None]]) -> Pieces:
    waiting: asyncio.Queue[bytes | None] = asyncio.Queue(PIECES_WAITING_MAX)

    async def read_all() -> None:
        try:
            await read(waiting.put)
        finally:
            # Whoever cancels this reads no more, and the queue may be full.
            if not task.cancelling():
                await waiting.put(None)

    task = asyncio.create_task(read_all(), name="rows of the source")
    try:
        while (piece := await waiting.get()) is not None:
            yield piece
        await task
    finally:
        await end_tasks([task])


def _counted(table: Table, sink: Sink, told: Told) -> Sink:
    async def take(piece: bytes) -> None:
        await sink(piece)
        told(table.name, len(piece))

    return take


async def _counted_pieces(table: Table, pieces: Pieces, told: Told) -> Pieces:
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            yield piece
            told(table.name, len(piece))
