"""Whole tables read and written as CSV, and checksums of them; for backups and moves, not for the service.

Names of tables and columns reach a statement by way of PostgreSQL, which quotes them: a first statement
returns the text of the second. Connections come from ``app_extensions.db_pool.open_copy_connection``, whose
settings make a value the same text on every server.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import TopologicalSorter

import asyncpg

# A copy that moves nothing for so long is given up. After its last row a server may still check references.
STALL_S = 600.0
# A checksum of all bars that anybody keeps takes minutes, and says nothing meanwhile.
LONG_S = 6 * 3_600.0

# Every row as text, hashed, and the hashes added up: the order of rows and the chunks of a hypertable do not
# matter, and both halves of the sum have to be hit to go unnoticed.
_DIGEST = """
    SELECT format(
        'SELECT count(*), coalesce(sum((''x'' || left(hash, 16))::bit(64)::bigint), 0),'
        ' coalesce(sum((''x'' || right(hash, 16))::bit(64)::bigint), 0)'
        ' FROM (SELECT md5(ROW(%s)::text) AS hash FROM %s) AS hashed',
        string_agg(quote_ident(name), ', ' ORDER BY place), $1::text::regclass
    )
    FROM unnest($2::text[]) WITH ORDINALITY AS asked (name, place)
"""
_READ = """
    SELECT format('SELECT %s FROM %s', string_agg(quote_ident(name), ', ' ORDER BY place), $1::text::regclass)
    FROM unnest($2::text[]) WITH ORDINALITY AS asked (name, place)
"""
_TABLES = """
    SELECT asked.name, array_agg(attname::text ORDER BY attnum) AS columns
    FROM unnest($1::text[]) AS asked (name)
    JOIN pg_attribute ON attrelid = to_regclass(asked.name)
    WHERE attnum > 0 AND NOT attisdropped AND attgenerated = ''
    GROUP BY asked.name
"""
_REFERENCES = """
    SELECT one.name AS referring, other.name AS referred
    FROM pg_constraint
    JOIN unnest($1::text[]) AS one (name) ON conrelid = to_regclass(one.name)
    JOIN unnest($1::text[]) AS other (name) ON confrelid = to_regclass(other.name)
    WHERE contype = 'f' AND conrelid <> confrelid
    ORDER BY referring, referred
"""
_FILLED = """
    SELECT string_agg(
        format('SELECT %L WHERE EXISTS (SELECT FROM %s)', name, to_regclass(name)), ' UNION ALL '
    )
    FROM unnest($1::text[]) AS asked (name) WHERE to_regclass(name) IS NOT NULL
"""
_LOCK = """
    SELECT format('LOCK TABLE %s IN %s MODE', string_agg(name::regclass::text, ', '), $2::text)
    FROM unnest($1::text[]) AS asked (name)
"""
_TRUNCATE = """
    SELECT format('TRUNCATE %s', string_agg(name::regclass::text, ', '))
    FROM unnest($1::text[]) AS asked (name)
"""
_SEQUENCES = """
    SELECT string_agg(
        format(
            'SELECT %L AS name, %L AS attname, last_value + is_called::integer AS next_value FROM %s',
            name, attname, pg_get_serial_sequence(name, attname)
        ),
        ' UNION ALL '
    )
    FROM unnest($1::text[]) AS asked (name)
    JOIN pg_attribute ON attrelid = to_regclass(name)
    WHERE attnum > 0 AND NOT attisdropped AND pg_get_serial_sequence(name, attname) IS NOT NULL
"""
# Unlike setval, this is undone together with its transaction.
_RESTART = "SELECT format('ALTER SEQUENCE %s RESTART WITH %s', pg_get_serial_sequence($1, $2), $3::bigint)"

# Rollups that TimescaleDB keeps; plain views keep nothing.
_ROLLUPS = """
    SELECT format('%I.%I', view_schema, view_name) AS name FROM timescaledb_information.continuous_aggregates
    WHERE view_schema = current_schema() ORDER BY name
"""
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE $1 || '%' AND pid <> pg_backend_pid()
"""

Sink = Callable[[bytes], Awaitable[None]]
Pieces = AsyncGenerator[bytes, None]


class Lock(StrEnum):
    """How a table is held: against being changed in form, against writers, against everybody."""

    FORM = "ACCESS SHARE"
    WRITERS = "SHARE"
    EVERYBODY = "ACCESS EXCLUSIVE"


@dataclass(frozen=True, slots=True)
class Table:
    """Name a table as the search path finds it, and its columns: ``Table("bar", ("series_id", …))``."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """Say what a table holds, in whatever order: its rows, and a checksum of their values."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class NextNumber:
    """Say which number a column that counts gives out next."""

    table: str
    column: str
    number: int


async def select_tables(connection: asyncpg.Connection, names: Sequence[str]) -> tuple[Table, ...]:
    """Return those of the tables that are there, each after those that it refers to."""
    rows = await connection.fetch(_TABLES, names)
    columns = {row["name"]: tuple(row["columns"]) for row in rows}
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(sorted(columns), ()))
    for row in await connection.fetch(_REFERENCES, sorted(columns)):
        order.add(row["referring"], row["referred"])
    return tuple(Table(name, columns[name]) for name in order.static_order())


async def select_filled(connection: asyncpg.Connection, names: Sequence[str]) -> tuple[str, ...]:
    """Return those of the tables that hold a row."""
    statement = await connection.fetchval(_FILLED, names)
    return tuple(name for (name,) in await connection.fetch(statement)) if statement else ()


async def select_digest(connection: asyncpg.Connection, table: Table) -> Digest:
    """Read a whole table and return what it holds."""
    statement = await connection.fetchval(_DIGEST, table.name, table.columns)
    rows, left, right = await connection.fetchrow(statement, timeout=LONG_S)
    return Digest(rows, "".join(f"{int(half) % 2**64:016x}" for half in (left, right)))


async def select_next_numbers(connection: asyncpg.Connection, names: Sequence[str]) -> tuple[NextNumber, ...]:
    """Return the next number of every column that counts."""
    statement = await connection.fetchval(_SEQUENCES, names)
    return tuple(NextNumber(*row) for row in await connection.fetch(statement)) if statement else ()


async def set_next_number(connection: asyncpg.Connection, wanted: NextNumber) -> None:
    """Let a column that counts go on with a number."""
    await connection.execute(await connection.fetchval(_RESTART, wanted.table, wanted.column, wanted.number))


async def make_lock(connection: asyncpg.Connection, names: Sequence[str], lock: Lock) -> str:
    """Return the statement that holds the tables until a transaction ends.

    Made before the transaction, whose first statement it has to be: a snapshot taken earlier would not see
    what was written while it waited.
    """
    statement: str = await connection.fetchval(_LOCK, names, lock)
    return statement


async def truncate_tables(connection: asyncpg.Connection, names: Sequence[str]) -> None:
    """Remove every row, and what rollups have kept of them."""
    await connection.execute(await connection.fetchval(_TRUNCATE, names))
    for rollup in await select_rollups(connection):
        await connection.execute(await connection.fetchval(_TRUNCATE, [rollup]))


async def select_rollups(connection: asyncpg.Connection) -> tuple[str, ...]:
    """Return the names of the rollups that TimescaleDB keeps; none on plain PostgreSQL."""
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
    ):
        return ()
    return tuple(name for (name,) in await connection.fetch(_ROLLUPS))


async def count_others(connection: asyncpg.Connection, application_name: str) -> int:
    """Return how many other connections to this database bear a name that begins like that."""
    count: int = await connection.fetchval(_OTHERS, application_name)
    return count


async def copy_out(connection: asyncpg.Connection, table: Table, sink: Sink) -> None:
    """Give the rows of a table to ``sink`` as CSV, a piece at a time; its first line names the columns."""
    statement = await connection.fetchval(_READ, table.name, table.columns)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(STALL_S) as patience:

        async def pass_on(piece: bytes) -> None:
            await sink(piece)
            patience.reschedule(loop.time() + STALL_S)

        await connection.copy_from_query(statement, output=pass_on, format="csv", header=True, timeout=LONG_S)


async def copy_in(connection: asyncpg.Connection, table: Table, pieces: Pieces) -> None:
    """Add rows to a table, as ``copy_out`` gave them."""
    schema, _, name = table.name.rpartition(".")
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(STALL_S) as patience, contextlib.aclosing(pieces):

        async def passed_on() -> Pieces:
            async for piece in pieces:
                yield piece
                patience.reschedule(loop.time() + STALL_S)

        async with contextlib.aclosing(passed_on()) as source:
            await connection.copy_to_table(
                name,
                schema_name=schema or None,
                source=source,
                columns=table.columns,
                format="csv",
                header=True,
                timeout=LONG_S,
            )
