"""Bringing real databases to the newest schema: many at once, interrupted, and by psql."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from app_extensions.migrations import (
    ADVISORY_LOCK_ID,
    SQL_DIR,
    MigrationError,
    migrate,
    migrate_blocking,
    read_migrations,
)
from tests.databases import TIMESCALE_DSN, create_database, drop_database

DEADLINE_S = 60
FIRST = ["0001_market", "0002_accounts", "0003_rollups", "0004_announcements", "0005_accounts"]
FLAVOUR = "timescale" if TIMESCALE_DSN else "plain"
FILES = read_migrations(FLAVOUR)
NAMES = [f"{file.version:04d}_{file.name}" for file in FILES]
NewDatabase = Callable[[], Awaitable[str]]


async def fetch(dsn: str, query: str, *args: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query, *args)
    finally:
        await connection.close()


@pytest.fixture
async def new_database(empty_dsn: str) -> AsyncIterator[NewDatabase]:
    """Makes empty databases, and removes them after the test."""
    names: list[str] = []

    async def make() -> str:
        names.append(f"migrating_{len(names)}")
        return await create_database(empty_dsn, names[-1])

    yield make
    for name in names:
        await drop_database(empty_dsn, name)


@pytest.fixture
async def database(new_database: NewDatabase) -> str:
    return await new_database()


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


async def test_everything_is_applied_in_order_and_only_once(database: str) -> None:
    assert NAMES[: len(FIRST)] == FIRST
    assert await migrate(database) == NAMES
    assert await migrate(database) == []
    rows = await fetch(database, "SELECT * FROM schema_migration ORDER BY version")
    found = [(row["version"], row["name"], row["flavour"]) for row in rows]
    assert found == [(file.version, file.name, file.flavour) for file in FILES]
    assert found[1:3] == [(2, "accounts", None), (3, "rollups", FLAVOUR)]
    assert [row["sha256"] for row in rows] == [file.sha256 for file in FILES]


def test_callers_without_a_loop_can_migrate_too(empty_dsn: str) -> None:
    dsn = asyncio.run(create_database(empty_dsn, "migrating_blocking"))
    try:
        assert migrate_blocking(dsn) == NAMES
    finally:
        asyncio.run(drop_database(empty_dsn, "migrating_blocking"))


@pytest.mark.parametrize("starts", [1, pytest.param(20, marks=pytest.mark.long)])
async def test_eight_processes_at_once_all_succeed_and_each_file_is_applied_once(
    new_database: NewDatabase, starts: int
) -> None:
    for _ in range(starts):
        await start_eight_at_once(await new_database())


async def start_eight_at_once(database: str) -> None:
    gate = await asyncpg.connect(database)
    await gate.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK_ID)
    program = "import sys; from app_extensions.migrations import migrate_blocking as m; print(m(sys.argv[1]))"
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, database),
            cwd=SQL_DIR.parent,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(8)
    ]
    try:
        # All eight stand before the lock; then they are let go at once.
        await wait_for_waiting(gate, 8)
    finally:
        await gate.close()
    async with asyncio.timeout(DEADLINE_S):
        said = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 8, said
    assert sorted(out.decode().strip() for out, _ in said) == [str(NAMES)] + ["[]"] * 7
    versions = await fetch(database, "SELECT version FROM schema_migration ORDER BY version")
    assert [row["version"] for row in versions] == [file.version for file in FILES]


async def wait_for_waiting(connection: asyncpg.Connection, processes: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while processes > await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        ):
            await connection.fetchval("SELECT pg_sleep(0.02)")


async def test_who_waits_too_long_for_the_lock_is_told_why(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app_extensions.migrations.LOCK_TIMEOUT_S", 0.1)
    holder = await asyncpg.connect(database)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK_ID)
        with pytest.raises(MigrationError, match="Another process has been migrating"):
            await migrate(database)
    finally:
        await holder.close()
    assert await migrate(database) == NAMES


async def test_an_index_made_beside_writers_does_not_wait_for_those_who_wait_for_its_maker(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app_extensions.migrations.LOCK_TIMEOUT_S", 5.0)
    write(tmp_path, "0001_one.sql", "CREATE TABLE one (id integer)")
    write(
        tmp_path,
        "0002_two.sql",
        "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS one_id\n--;;\n"
        "CREATE INDEX CONCURRENTLY one_id ON one (id)",
    )
    async with asyncio.timeout(DEADLINE_S):
        applied = await asyncio.gather(*(migrate(database, tmp_path) for _ in range(4)))
    assert sorted(applied) == [[], [], [], ["0001_one", "0002_two"]]


async def test_a_file_changed_after_it_was_applied_is_refused(database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_one.sql", "CREATE TABLE one (id integer)")
    assert await migrate(database, tmp_path) == ["0001_one"]
    write(tmp_path, "0001_one.sql", "CREATE TABLE one (id bigint)")
    write(tmp_path, "0002_two.sql", "CREATE TABLE two (id integer)")
    with pytest.raises(MigrationError, match="0001_one was changed after it had been applied"):
        await migrate(database, tmp_path)
    assert await fetch(database, "SELECT to_regclass('two') AS two") == [(None,)]


async def test_a_file_that_fails_leaves_nothing_of_itself_and_is_run_again(
    database: str, tmp_path: Path
) -> None:
    write(tmp_path, "0001_one.sql", "CREATE TABLE one (id integer)")
    write(tmp_path, "0002_two.sql", "CREATE TABLE two (id integer);\nSELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database, tmp_path)
    assert await fetch(database, "SELECT to_regclass('one')::text, to_regclass('two')::text") == [
        ("one", None)
    ]
    write(tmp_path, "0002_two.sql", "CREATE TABLE two (id integer);")
    assert await migrate(database, tmp_path) == ["0002_two"]


async def test_a_file_and_the_note_that_it_was_applied_come_together_or_not_at_all(
    database: str, tmp_path: Path
) -> None:
    # The note cannot be taken: what the file did is undone as well.
    write(tmp_path, "0001_one.sql", "CREATE TABLE one (id integer);\nDROP TABLE schema_migration;")
    with pytest.raises(asyncpg.UndefinedTableError):
        await migrate(database, tmp_path)
    assert await fetch(database, "SELECT to_regclass('one')::text") == [(None,)]
    assert await fetch(database, "SELECT * FROM schema_migration") == []


async def test_an_interrupted_file_in_pieces_is_run_again_from_its_start(
    database: str, tmp_path: Path
) -> None:
    pieces = (
        "-- no-transaction\nCREATE TABLE IF NOT EXISTS ran (piece integer, at timestamptz DEFAULT now())",
        "INSERT INTO ran VALUES (1)",
        # What no transaction allows shows that the pieces run outside of one.
        "VACUUM ran",
        "INSERT INTO ran SELECT 2 / (SELECT count(*) - 1 FROM ran)",
        "INSERT INTO ran VALUES (3);",
    )
    write(tmp_path, "0001_pieces.sql", "\n--;;\n".join(pieces))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database, tmp_path)
    assert await fetch(database, "SELECT piece FROM ran") == [(1,)]
    assert await fetch(database, "SELECT * FROM schema_migration") == []
    assert await migrate(database, tmp_path) == ["0001_pieces"]
    assert await fetch(database, "SELECT piece FROM ran ORDER BY at") == [(1,), (1,), (2,), (3,)]
    assert await migrate(database, tmp_path) == []


@pytest.mark.parametrize("name", ["1_short.sql", "0001-dash.sql", "0001_Upper.sql", "0001_one.oracle.sql"])
def test_a_file_with_a_strange_name_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "SELECT 1")
    with pytest.raises(MigrationError, match="is not named like"):
        read_migrations("plain", tmp_path)


def test_each_flavour_gets_its_own_files_and_those_of_both(tmp_path: Path) -> None:
    for name in ("0002_b.plain.sql", "0002_b.timescale.sql", "0001_a.sql", "0010_c.sql", "readme.sql"):
        write(tmp_path, name, name)
    for flavour in ("plain", "timescale"):
        texts = [each.text for each in read_migrations(flavour, tmp_path)]
        assert texts == ["0001_a.sql", f"0002_b.{flavour}.sql", "0010_c.sql"]


def test_no_number_is_used_twice_and_none_is_left_out() -> None:
    for flavour in ("plain", "timescale"):
        versions = [each.version for each in read_migrations(flavour)]
        assert versions == list(range(1, len(versions) + 1))


SCHEMA = """
    SELECT 'column' AS kind, format(
        '%s.%s %s %s %s %s', table_name, column_name, udt_name, is_nullable, column_default, is_identity
    ) AS said FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'constraint', format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'view', viewname || definition FROM pg_views WHERE schemaname = 'public'
    UNION ALL
    SELECT 'enum', enumtypid::regtype || ' ' || enumsortorder || enumlabel FROM pg_enum
"""


async def schema(dsn: str) -> set[tuple[str, str]]:
    return {
        (row["kind"], row["said"])
        for row in await fetch(dsn, SCHEMA)
        if "schema_migration" not in row["said"]
    }


async def psql(dsn: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", SQL_DIR / "accessibletrader_db.sql"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        said = await process.communicate()
    assert process.returncode == 0, said


@pytest.mark.skipif(not shutil.which("psql"), reason="NOT TESTED: there is no psql to run the SQL files with")
async def test_psql_users_get_the_same_schema_and_the_program_takes_it_over(
    new_database: NewDatabase,
) -> None:
    migrated, by_hand = await new_database(), await new_database()
    await migrate(migrated)
    await psql(by_hand)
    assert await schema(by_hand) == await schema(migrated)
    assert any(kind == "view" for kind, _ in await schema(by_hand))
    # Twice by hand, and then the program over it: both find everything there.
    await psql(by_hand)
    assert await migrate(by_hand) == NAMES
    assert await schema(by_hand) == await schema(migrated)
