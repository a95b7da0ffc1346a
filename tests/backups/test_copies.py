"""Backups, restores and moves between real servers: every row, or nothing."""

import asyncio
import zipfile
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from app_extensions.database_copies import back_up, move_database, restore_into
from app_extensions.db_pool import COPY_SETTINGS, close_pool, open_copy_connection, open_pool
from app_extensions.migrations import ADVISORY_LOCK_ID, hold_schema, known_tables, migrate, migrate_held
from services.backups.archive import read_backup
from services.backups.manifest import BackupError, Manifest
from services.stores.table_copies import select_filled
from tests.backups.conftest import NewDatabase, fetch
from tests.databases import TIMESCALE_DSN, execute
from utils.clock import Clock

CLOCK = Clock(now_ms=lambda: 1_795_000_000_000)


def quiet(_table: str, _size: int) -> None:
    return


async def saved(dsn: str, path: Path) -> Manifest:
    return await back_up(dsn, path, CLOCK, overwrite=False, told=quiet)


async def restored(path: Path, dsn: str, *, replace: bool = False) -> list[str]:
    with read_backup(path) as reader:
        return await restore_into(dsn, reader, replace=replace, told=quiet)


async def filled(dsn: str) -> tuple[str, ...]:
    connection = await open_copy_connection(dsn)
    try:
        return await select_filled(connection, known_tables())
    finally:
        await connection.close()


def contents(path: Path) -> dict[str, list[bytes]]:
    """Return what every table of a backup holds, text for text; chunks have an order of their own."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name != "manifest.json"]
        return {name: sorted(archive.read(name).split(b"\n")) for name in names}


def contents_of(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def assert_same(one: str, other: str, tmp_path: Path) -> None:
    """Assert that two databases hold the same, by their backups and by what they count on with."""
    first = await saved(one, tmp_path / "one.zip")
    second = await saved(other, tmp_path / "other.zip")
    assert contents(tmp_path / "one.zip") == contents(tmp_path / "other.zip")
    assert replace(second, migrations=first.migrations) == first
    for name in ("one.zip", "other.zip"):
        (tmp_path / name).unlink()


async def test_the_tables_known_are_all_there_are(dsn: str) -> None:
    rows = await fetch(
        dsn, "SELECT tablename, schemaname FROM pg_tables WHERE schemaname IN ('public', 'job_queue')"
    )
    found = {name if schema == "public" else f"{schema}.{name}" for name, schema in rows}
    assert found - {"schema_migration"} == set(known_tables())
    assert len(known_tables()) == len(set(known_tables()))


async def test_every_row_of_every_table_comes_back(full: str, empty: str, tmp_path: Path) -> None:
    assert set(await filled(full)) == set(known_tables())
    manifest = await saved(full, tmp_path / "b.zip")

    assert await restored(tmp_path / "b.zip", empty) == []

    await assert_same(full, empty, tmp_path)
    assert manifest.rows == sum(copy.digest.rows for copy in manifest.tables) > len(known_tables())
    # The next numbers follow the last ones that were given out, also where those rows are gone.
    series = (
        "INSERT INTO series (market, exchange, symbol, timeframe) VALUES ('', '', '', '') RETURNING series_id"
    )
    assert await fetch(empty, series) == [(41,)]
    job = (
        "INSERT INTO job_queue.pgqueuer (priority, status, entrypoint) VALUES (1, 'queued', 'x') RETURNING id"
    )
    assert await fetch(empty, job) == [(3,)]


async def test_a_move_leaves_both_ends_the_same(full: str, empty: str, tmp_path: Path) -> None:
    moved = await move_database(full, empty, quiet)

    await assert_same(full, empty, tmp_path)
    assert moved.timescale == bool(TIMESCALE_DSN)
    assert {copy.table.name for copy in moved.tables} == set(known_tables())
    assert all(copy.digest.rows for copy in moved.tables)


async def test_the_queue_of_a_moved_database_wakes_its_listeners(full: str, empty: str) -> None:
    await move_database(full, empty, quiet)
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(empty)
    try:
        await listener.add_listener("ch_pgqueuer", lambda *said: heard.put_nowait(said[-1]))
        await execute(empty, "UPDATE job_queue.pgqueuer SET priority = 2; DELETE FROM job_queue.pgqueuer")
        async with asyncio.timeout(10):
            assert '"operation":"delete"' in (await heard.get()).replace(" ", "")
    finally:
        await listener.close()


async def test_a_database_that_holds_anything_is_left_alone_unless_told(
    full: str, empty: str, tmp_path: Path
) -> None:
    await saved(full, tmp_path / "b.zip")
    await migrate(empty)
    await execute(
        empty, "INSERT INTO coin_sync (provider, coins, fetched_at, stored_at) VALUES ('x', 9, now(), now())"
    )

    with pytest.raises(BackupError, match=r"holds something already, in coin_sync, .* --replace"):
        await restored(tmp_path / "b.zip", empty)
    with pytest.raises(BackupError, match="holds something already"):
        await move_database(full, empty, quiet)
    assert await filled(empty) == ("coin_sync",)

    await restored(tmp_path / "b.zip", empty, replace=True)
    await assert_same(full, empty, tmp_path)


async def test_a_copy_that_comes_out_different_is_not_kept(full: str, empty: str, tmp_path: Path) -> None:
    await saved(full, tmp_path / "b.zip")
    await migrate(empty)
    await execute(
        empty,
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.volume := NEW.volume + 1e-9; RETURN NEW; END $$",
        "CREATE TRIGGER meddle BEFORE INSERT ON bar FOR EACH ROW EXECUTE FUNCTION meddle()",
    )
    for work in (restored(tmp_path / "b.zip", empty), move_database(full, empty, quiet)):
        with pytest.raises(
            BackupError, match=r"The table bar came out different: 3 rows .* Nothing was kept"
        ):
            await work
        assert await filled(empty) == ()
        assert await fetch(empty, "SELECT last_value, is_called FROM app_user_user_id_seq") == [(1, False)]


async def test_a_column_that_somebody_added_by_hand_is_told(full: str, empty: str) -> None:
    await migrate(empty)
    await execute(empty, "ALTER TABLE coin DROP COLUMN rank")
    with pytest.raises(BackupError, match="The table coin has other columns"):
        await move_database(full, empty, quiet)


async def test_a_refused_row_at_the_target_is_told_and_ends_the_reading(full: str, empty: str) -> None:
    await migrate(empty)
    await execute(empty, "ALTER TABLE app_user ADD CHECK (username <> 'bob')")
    with pytest.raises(asyncpg.CheckViolationError):
        await move_database(full, empty, quiet)
    assert await filled(empty) == ()


async def test_an_older_backup_is_restored_and_then_migrated(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    old, target, newest = [await new_database() for _ in range(3)]
    connection = await open_copy_connection(old)
    assert await hold_schema(connection)
    assert (await migrate_held(connection, until=6))[-1] == "0006_collected_symbols"
    await connection.execute(
        "INSERT INTO job_run (job, started_at, ended_at, outcome) VALUES ('x', now(), now(), 'done')"
    )
    await connection.close()
    assert (await saved(old, tmp_path / "old.zip")).version == 6

    applied = await restored(tmp_path / "old.zip", target)

    assert applied[0] == "0007_cryptocurrencies"
    assert [tuple(row) for row in await fetch(target, "SELECT job, state FROM job_run")] == [("x", "done")]
    # Where the schema is newer already, old rows may not fit.
    await migrate(newest)
    with pytest.raises(BackupError, match=r"the older schema 6\. Restore into a new"):
        await restored(tmp_path / "old.zip", newest)
    # And a database that is older than the backup is brought up to it first.
    await saved(target, tmp_path / "new.zip")
    await restored(tmp_path / "new.zip", old, replace=True)
    await assert_same(target, old, tmp_path)


async def test_what_uses_the_database_has_to_stop_for_a_restore_and_for_a_move_but_not_for_a_backup(
    full: str, empty: str, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app_extensions.database_copies.GONE_TIMEOUT_S", 0.2)
    pool = await open_pool(full)
    try:
        await saved(full, tmp_path / "b.zip")
        with pytest.raises(BackupError, match="Stop the service on all machines"):
            await restored(tmp_path / "b.zip", full, replace=True)
        with pytest.raises(BackupError, match="Stop the service on all machines"):
            await move_database(full, empty, quiet)
        with pytest.raises(BackupError, match="Stop the service on all machines"):
            await move_database(await new_database(), full, quiet)
    finally:
        await close_pool(pool)
    assert await fetch(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    monkeypatch.undo()
    await restored(tmp_path / "b.zip", empty)


async def test_a_database_is_not_moved_onto_itself_nor_restored_by_two(full: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="both ends are the same one"):
        await move_database(full, full, quiet)
    await saved(full, tmp_path / "b.zip")
    holder = await asyncpg.connect(full)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK_ID)
        with pytest.raises(BackupError, match="Somebody else migrates, restores or moves"):
            await restored(tmp_path / "b.zip", full, replace=True)
    finally:
        await holder.close()


async def test_a_stranger_who_holds_a_table_is_told_of(
    full: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COPY_SETTINGS, "lock_timeout", "100")
    await saved(full, tmp_path / "b.zip")
    await migrate(empty)
    stranger = await asyncpg.connect(empty)
    try:
        async with stranger.transaction():
            await stranger.execute("SELECT FROM coin")
            with pytest.raises(BackupError, match="Somebody else uses the tables"):
                await restored(tmp_path / "b.zip", empty)
    finally:
        await stranger.close()


async def test_a_backup_holds_one_instant_of_a_database_that_goes_on(full: str, tmp_path: Path) -> None:
    ended = asyncio.Event()
    pairs = 0

    async def write() -> None:
        nonlocal pairs
        writer = await asyncpg.connect(full)
        try:
            while not ended.is_set():
                async with writer.transaction():
                    # The first table that is copied and one of the last.
                    await writer.execute(
                        "INSERT INTO app_user (username, password_hash, role, created_at)"
                        " VALUES ('u' || $1::text, '', 'user', now())",
                        f"{pairs:05}",
                    )
                    await writer.execute(
                        "INSERT INTO quiet_span VALUES (7, $1::bigint, $1::bigint + 1)", 1_000 + pairs
                    )
                pairs += 1
        finally:
            await writer.close()

    task = asyncio.create_task(write())
    try:
        async with asyncio.timeout(20):
            while not pairs:  # noqa: ASYNC110 - each turn lets the writer go on
                await asyncio.sleep(0)
            manifest = await saved(full, tmp_path / "b.zip")
    finally:
        ended.set()
        await task
    rows = {copy.table.name: copy.digest.rows for copy in manifest.tables}
    assert 0 < rows["app_user"] - 2 < pairs
    assert rows["app_user"] == rows["quiet_span"]
    for copy in manifest.tables:
        with read_backup(tmp_path / "b.zip") as reader:
            async with aclosing(reader.table(copy.table)) as pieces:
                text = b"".join([piece async for piece in pieces])
        if copy.table.name in ("app_user", "quiet_span"):
            assert text.count(b"\n") == copy.digest.rows + 1


async def test_a_database_that_is_not_ours_is_not_backed_up(empty: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="holds no table of this service"):
        await saved(empty, tmp_path / "b.zip")
    assert not contents_of(tmp_path)
