"""Copies between plain PostgreSQL and TimescaleDB: chunks and kept rollups on one side only."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from app_extensions.database_copies import move_database
from app_extensions.embedded import embedded_servers
from app_extensions.migrations import migrate
from tests.backups.conftest import NewDatabase, fetch, made_databases, needs_timescale
from tests.backups.rows import EVERYTHING, MANY_BARS
from tests.backups.test_copies import assert_same, filled, quiet, restored, saved
from tests.databases import execute

pytestmark = needs_timescale
VIEWS = ("bar_hourly", "bar_daily", "bar_weekly", "bar_monthly")
FEW_BARS = MANY_BARS.replace("150000", "20000")


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL without TimescaleDB, which all other tests are without here."""
    with embedded_servers(
        tmp_path_factory.mktemp("plain"), postgres=True, valkey=False, durable=False
    ) as addresses:
        assert addresses.db_connection_string
        yield addresses.db_connection_string


@pytest.fixture
async def new_plain(plain_server: str) -> AsyncIterator[NewDatabase]:
    async for make in made_databases(plain_server):
        yield make


@pytest.fixture
async def empty(new_plain: NewDatabase) -> str:
    return await new_plain()


@pytest.fixture
async def full(new_plain: NewDatabase) -> str:
    dsn = await new_plain()
    await migrate(dsn)
    await execute(dsn, EVERYTHING)
    return dsn


async def rollups(dsn: str) -> dict[str, list[asyncpg.Record]]:
    columns = "series_id, timeframe_s, open_time, open, high, low, close, volume::real, bars"
    ordered = f"SELECT {columns} FROM {{}} ORDER BY 1, 2, 3"
    return {view: await fetch(dsn, ordered.format(view)) for view in VIEWS}


async def chunks(dsn: str, condition: str = "TRUE") -> int:
    query = (
        f"SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'bar' AND {condition}"
    )
    ((count,),) = await fetch(dsn, query)
    return int(count)


async def test_a_plain_database_is_moved_to_timescale(full: str, timescale: str, tmp_path: Path) -> None:
    await execute(full, FEW_BARS)

    moved = await move_database(full, timescale, quiet)

    assert moved.timescale
    assert await chunks(timescale) > 2
    await assert_same(full, timescale, tmp_path)
    assert await rollups(timescale) == await rollups(full)
    # And it goes on: policies find what they need, and new bars are rolled up with the old ones.
    for view in VIEWS:
        await execute(timescale, f"CALL refresh_continuous_aggregate('{view}', NULL, NULL)")
    new = "INSERT INTO bar VALUES (41, 60, now(), 1, 1, 1, 1, 1, 0, 'closed', 'exchange')"
    for dsn in (full, timescale):
        await execute(dsn, new.replace("now()", "'2026-01-01 00:00+00'"))
    assert await rollups(timescale) == await rollups(full)


async def test_compressed_bars_come_back_to_a_plain_database_and_replace_what_was_rolled_up(
    full: str, empty: str, timescale: str, tmp_path: Path
) -> None:
    await execute(full, FEW_BARS)
    await saved(full, tmp_path / "plain.zip")
    await restored(tmp_path / "plain.zip", timescale)
    await execute(timescale, "SELECT compress_chunk(chunk) FROM show_chunks('bar') AS chunk")
    assert await chunks(timescale, "is_compressed") == await chunks(timescale)
    await saved(timescale, tmp_path / "timescale.zip")

    await restored(tmp_path / "timescale.zip", empty)
    await assert_same(full, empty, tmp_path)

    # Other bars, rolled up and kept; nothing of them is left once they have been replaced.
    await execute(timescale, "UPDATE bar SET volume = volume + 1", "DELETE FROM bar WHERE series_id = 7")
    for view in VIEWS:
        await execute(timescale, f"CALL refresh_continuous_aggregate('{view}', NULL, NULL)")
    assert await rollups(timescale) != await rollups(full)
    await restored(tmp_path / "timescale.zip", timescale, replace=True)
    await assert_same(full, timescale, tmp_path)
    assert await rollups(timescale) == await rollups(full)


async def test_a_move_that_is_refused_leaves_timescale_empty(full: str, timescale: str) -> None:
    await migrate(timescale)
    await execute(timescale, "ALTER TABLE job_run ADD CHECK (job <> 'tidy')")
    with pytest.raises(asyncpg.CheckViolationError):
        await move_database(full, timescale, quiet)
    assert await filled(timescale) == ()
    assert await chunks(timescale) == 0
