"""Rollups: the same hours, days, weeks and months from plain views, from TimescaleDB, and from Python."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from random import Random
from urllib.parse import urlsplit

import asyncpg
import pytest

from app_extensions.migrations import SQL_DIR, MigrationError, migrate, read_migrations
from services.stores.bars import upsert_bars
from services.stores.coin_prices import delete_old_points, drop_chunks
from services.stores.series import Series, upsert_series
from tests.databases import TIMESCALE_DSN, execute
from utils.domain import DAY_MS, HOUR_MS, Bar, BarState, Instrument, Timeframe

FILES = read_migrations("timescale")
NAMES = [f"{file.version:04d}_{file.name}" for file in FILES]
DEADLINE_S = 60
HOUR_S, DAY_S = 3_600, 86_400
# View, bucket, and the longest bars that it takes in, in seconds.
VIEWS = (
    ("bar_hourly", Timeframe.parse("1h"), HOUR_S - 1),
    ("bar_daily", Timeframe.parse("1d"), DAY_S - 1),
    ("bar_weekly", Timeframe.parse("1w"), DAY_S),
    ("bar_monthly", Timeframe.parse("1M"), DAY_S),
)
# Over the end of a leap February, which is not the end of a week, and over the end of a year.
LEAP_MS = 1_709_164_800_000  # 2024-02-29
NEW_YEAR_MS = 1_704_067_200_000  # 2024-01-01, a Monday
STRETCHES = (
    ("1m", LEAP_MS - DAY_MS, 4_000, 0.3),
    ("15m", LEAP_MS - 9 * DAY_MS, 1_900, 0.5),
    ("1h", NEW_YEAR_MS - 20 * DAY_MS, 1_800, 0.7),
    ("4h", NEW_YEAR_MS - 20 * DAY_MS, 400, 1.0),
    ("1d", NEW_YEAR_MS - 40 * DAY_MS, 110, 0.9),
    ("1w", NEW_YEAR_MS - 20 * DAY_MS, 10, 1.0),
    ("1M", NEW_YEAR_MS - 80 * DAY_MS, 5, 1.0),
)

Row = tuple[int, int, int, float, float, float, float, float, int, int]
Stored = dict[Series, dict[int, Bar]]


def made_bar(chance: Random, open_ms: int, state: BarState = BarState.CLOSED) -> Bar:
    opened, closed = chance.randint(50, 150), chance.randint(50, 150)
    high, low = max(opened, closed) + chance.randint(0, 9), min(opened, closed) - chance.randint(0, 9)
    # Volumes whose sums are exact in any order.
    return Bar(open_ms, opened, high, low, closed, chance.randint(0, 999) / 256, state)


async def store(connection: asyncpg.Connection, stored: Stored, series: Series, bars: Sequence[Bar]) -> None:
    await upsert_bars(connection, series, bars)
    stored.setdefault(series, {}).update({bar.open_time_ms: bar for bar in bars})


async def store_stretches(connection: asyncpg.Connection, stored: Stored, *, shift_ms: int = 0) -> None:
    chance = Random(shift_ms)
    for text, start_ms, count, density in STRETCHES:
        timeframe = Timeframe.parse(text)
        series = await upsert_series(connection, Instrument("crypto", "bitstamp", "BTC/USD"), timeframe)
        opens = [timeframe.shift(start_ms + shift_ms, number) for number in range(count)]
        bars = [made_bar(chance, open_ms) for open_ms in opens if chance.random() < density]
        await store(connection, stored, series, bars)


def oracle(stored: Stored, bucket: Timeframe, longest_s: int) -> list[Row]:
    rows: list[Row] = []
    for series, by_open in stored.items():
        length_s = series.timeframe.approximate_ms // 1_000
        if length_s > longest_s:
            continue
        buckets: dict[int, list[Bar]] = {}
        for open_ms in sorted(by_open):
            buckets.setdefault(bucket.floor(open_ms), []).append(by_open[open_ms])
        rows += [
            (
                *(series.series_id, length_s, open_ms, bars[0].open),
                *(max(bar.high for bar in bars), min(bar.low for bar in bars), bars[-1].close),
                *(sum(bar.volume for bar in bars), len(bars), sum(bar.final for bar in bars)),
            )
            for open_ms, bars in buckets.items()
        ]
    return sorted(rows)


async def rolled_up(connection: asyncpg.Connection, view: str) -> list[Row]:
    rows = await connection.fetch(f"""
        SELECT series_id, timeframe_s, (date_part('epoch', open_time) * 1000)::bigint,
            open, high, low, close, volume, bars, final_bars
        FROM {view} ORDER BY 1, 2, 3
    """)
    return [tuple(row) for row in rows]


async def assert_rollups(connection: asyncpg.Connection, stored: Stored) -> None:
    for view, bucket, longest_s in VIEWS:
        expected = oracle(stored, bucket, longest_s)
        assert expected
        assert await rolled_up(connection, view) == expected, view


# A view must not follow the time zone of whoever asks.
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
async def test_plain_views_give_the_hours_days_weeks_and_months_of_the_calendar(dsn: str, zone: str) -> None:
    connection = await asyncpg.connect(dsn, server_settings={"timezone": zone})
    try:
        stored: Stored = {}
        await store_stretches(connection, stored)
        await assert_rollups(connection, stored)
    finally:
        await connection.close()


async def test_a_bar_that_still_moves_is_counted_but_not_as_final(pool: asyncpg.Pool) -> None:
    stored: Stored = {}
    series = await upsert_series(pool, Instrument("crypto", "bitstamp", "BTC/USD"), Timeframe.parse("1m"))
    states = (BarState.CLOSED, BarState.CORRECTED, BarState.FORMING)
    bars = [made_bar(Random(1), NEW_YEAR_MS + number * 60_000, state) for number, state in enumerate(states)]
    async with pool.acquire() as connection:
        await store(connection, stored, series, bars)
        ((*_, count, final),) = await rolled_up(connection, "bar_hourly")
    assert (count, final) == (3, 2)


needs_timescale = pytest.mark.skipif(
    not TIMESCALE_DSN,
    reason="NOT TESTED: the TimescaleDB variant; set TIMESCALE_TEST_DSN to a server that has the extension",
)


DATABASE = f"rollups_under_test_{os.getpid()}"
OWNER = f"{DATABASE}_owner"
PASSWORD = "only-for-this-test"


def address(database: str, role: str | None = None) -> str:
    """Return the address of a database on the TimescaleDB server, for its superuser or for a role."""
    parts = urlsplit(TIMESCALE_DSN)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(
        netloc=f"{role}:{PASSWORD}@{host}" if role else parts.netloc, path=f"/{database}"
    ).geturl()


@pytest.fixture
async def timescale_dsn() -> AsyncIterator[str]:
    """An empty database on the TimescaleDB server, owned by somebody who is no superuser."""
    await execute(
        TIMESCALE_DSN,
        f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    )
    yield address(DATABASE, OWNER)
    await execute(TIMESCALE_DSN, f"DROP DATABASE {DATABASE} WITH (FORCE)", f"DROP ROLE {OWNER}")


async def run_jobs(connection: asyncpg.Connection, kind: str) -> int:
    jobs = await connection.fetch(
        "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = $1 ORDER BY 1", kind
    )
    for job in jobs:
        await connection.execute(f"CALL run_job({job['job_id']})")
    return len(jobs)


async def refresh(connection: asyncpg.Connection) -> None:
    assert await run_jobs(connection, "policy_refresh_continuous_aggregate") == len(VIEWS)


async def materialized_rows(connection: asyncpg.Connection) -> int:
    """Return the rows kept of the aggregate that keeps the fewest."""
    tables = await connection.fetch(
        "SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
        " FROM timescaledb_information.continuous_aggregates"
    )
    return min([await connection.fetchval(f"SELECT count(*) FROM {table}") for (table,) in tables])


async def store_present(
    connection: asyncpg.Connection, stored: Stored, state: BarState = BarState.CLOSED
) -> None:
    """Store bars up to this moment, the newest of them in the state; the policies keep most of them."""
    now_ms = time.time_ns() // 1_000_000
    for text, count in (("15m", 500), ("4h", 120), ("1d", 200)):
        timeframe = Timeframe.parse(text)
        series = await upsert_series(connection, Instrument("crypto", "kraken", "BTC/USD"), timeframe)
        opens = [timeframe.shift(now_ms, -number) for number in range(count)]
        bars = [made_bar(Random(open_ms), open_ms) for open_ms in opens]
        await store(connection, stored, series, [replace(bars[0], state=state), *bars[1:]])


@pytest.fixture
async def timescale(timescale_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a migrated TimescaleDB whose own workers keep still."""
    assert await migrate(timescale_dsn) == NAMES
    # The policies run when a test says so, and not also when the server thinks it is time.
    await execute(address(DATABASE), "SELECT _timescaledb_functions.stop_background_workers()")
    connection = await asyncpg.connect(timescale_dsn, server_settings={"timezone": "America/New_York"})
    yield connection
    await connection.close()


@needs_timescale
async def test_timescale_gets_a_hypertable_compression_and_real_time_aggregates(
    timescale: asyncpg.Connection, timescale_dsn: str
) -> None:
    assert await migrate(timescale_dsn) == []
    flavours = await timescale.fetch("SELECT flavour FROM schema_migration ORDER BY version")
    assert [row["flavour"] for row in flavours] == [file.flavour for file in FILES]
    hypertables = await timescale.fetch(
        "SELECT hypertable_name, compression_enabled FROM timescaledb_information.hypertables"
        " WHERE hypertable_schema = 'public' ORDER BY 1"
    )
    assert [tuple(row) for row in hypertables] == [("bar", True), ("coin_price", True)]
    views = await timescale.fetch(
        "SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates ORDER BY 1"
    )
    assert [tuple(row) for row in views] == sorted((view, False) for view, *_ in VIEWS)
    assert await timescale.fetchval(
        "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"
    )


@needs_timescale
async def test_timescale_tells_what_plain_views_tell_the_current_bucket_included(
    timescale: asyncpg.Connection,
) -> None:
    stored: Stored = {}
    await store_stretches(timescale, stored)
    await assert_rollups(timescale, stored)
    await refresh(timescale)
    await assert_rollups(timescale, stored)
    for state in (BarState.FORMING, BarState.CLOSED):
        await store_present(timescale, stored, state)
        await assert_rollups(timescale, stored)
        await refresh(timescale)
        await assert_rollups(timescale, stored)


@needs_timescale
async def test_old_prices_of_coins_are_dropped_by_whole_chunks_and_the_rest_by_rows(
    timescale: asyncpg.Connection, timescale_dsn: str
) -> None:
    before_ms = NEW_YEAR_MS
    await timescale.execute(
        """
        INSERT INTO coin_price (coin_key, price_time, price)
        SELECT 7, to_timestamp($1::bigint / 1000) + day * INTERVAL '1 day', 1.5
        FROM generate_series(-200, 99) AS day
        """,
        before_ms,
    )
    assert await run_jobs(timescale, "policy_compression")
    async with asyncpg.create_pool(timescale_dsn, min_size=1, max_size=1) as pool:
        assert await drop_chunks(pool, before_ms=before_ms) in (5, 6, 7)
        left = await timescale.fetchval("SELECT count(*) FROM coin_price")
        assert 100 <= left < 130
        assert await delete_old_points(pool, before_ms=before_ms) == left - 100
        assert await delete_old_points(pool, before_ms=before_ms) == 0
    assert await timescale.fetchval("SELECT count(*) FROM coin_price") == 100


@needs_timescale
async def test_history_that_is_filled_in_later_and_corrections_reach_the_aggregates(
    timescale: asyncpg.Connection,
) -> None:
    stored: Stored = {}
    await store_stretches(timescale, stored)
    await store_present(timescale, stored)
    await refresh(timescale)
    assert await materialized_rows(timescale) > 0
    # Somebody asks for a year that nobody asked for before.
    await store_stretches(timescale, stored, shift_ms=-364 * DAY_MS)
    for series, by_open in list(stored.items()):
        oldest, newest = min(by_open), max(by_open)
        corrected = [
            replace(by_open[open_ms], low=40.0, close=120.0, high=160.0) for open_ms in (oldest, newest)
        ]
        await store(timescale, stored, series, corrected)
    await refresh(timescale)
    await assert_rollups(timescale, stored)


@needs_timescale
async def test_compressed_bars_can_still_be_read_corrected_and_added_to(
    timescale: asyncpg.Connection,
) -> None:
    stored: Stored = {}
    await store_stretches(timescale, stored)
    # That of bars, and that of the prices of coins.
    assert await run_jobs(timescale, "policy_compression") == 2
    compressed = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
    assert await timescale.fetchval(compressed) > 0
    await assert_rollups(timescale, stored)
    series = next(series for series in stored if series.timeframe.text == "1m")
    open_ms = next(iter(stored[series]))
    changed = await upsert_bars(timescale, series, [replace(stored[series][open_ms], high=160.0)])
    assert [(bar.state, bar.revision) for bar in changed] == [(BarState.CORRECTED, 1)]
    stored[series][open_ms] = changed[0]
    await store_stretches(timescale, stored, shift_ms=-HOUR_MS)
    await refresh(timescale)
    await assert_rollups(timescale, stored)


@needs_timescale
async def test_an_interrupted_timescale_file_can_be_run_again(
    timescale: asyncpg.Connection, timescale_dsn: str
) -> None:
    stored: Stored = {}
    await store_stretches(timescale, stored)
    await refresh(timescale)
    await run_jobs(timescale, "policy_compression")
    await timescale.execute("DELETE FROM schema_migration WHERE version = 3")
    assert await migrate(timescale_dsn) == ["0003_rollups"]
    await refresh(timescale)
    await assert_rollups(timescale, stored)


@needs_timescale
async def test_who_may_not_create_the_extension_gets_plain_tables_and_keeps_them(timescale_dsn: str) -> None:
    guest = f"{DATABASE}_guest"
    await execute(TIMESCALE_DSN, f"CREATE ROLE {guest} LOGIN PASSWORD '{PASSWORD}'")
    try:
        await execute(address(DATABASE), f"GRANT CREATE ON SCHEMA public TO {guest}")
        # The queue of jobs has a schema of its own, which is made long after the tables of the bars.
        with pytest.raises(MigrationError, match="may not change its tables"):
            await migrate(address(DATABASE, guest))
        await execute(timescale_dsn, f"GRANT CREATE ON DATABASE {DATABASE} TO {guest}")
        applied = await migrate(address(DATABASE, guest))
        assert 0 < len(applied) < len(NAMES)
        assert applied == NAMES[-len(applied) :]
        assert await migrate(address(DATABASE, guest)) == []
        connection = await asyncpg.connect(address(DATABASE, guest))
        try:
            assert await connection.fetch("SELECT * FROM pg_extension WHERE extname = 'timescaledb'") == []
            stored: Stored = {}
            await store_stretches(connection, stored)
            await assert_rollups(connection, stored)
        finally:
            await connection.close()
    finally:
        await execute(address(DATABASE), f"DROP OWNED BY {guest}", f"DROP ROLE {guest}")


@needs_timescale
@pytest.mark.skipif(not shutil.which("psql"), reason="NOT TESTED: there is no psql to run the SQL files with")
async def test_psql_users_get_timescale_too_and_the_program_takes_it_over(timescale_dsn: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", timescale_dsn),
        *("-f", SQL_DIR / "accessibletrader_db.sql"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        said = await process.communicate()
    assert process.returncode == 0, said
    assert await migrate(timescale_dsn) == NAMES
    connection = await asyncpg.connect(timescale_dsn)
    try:
        stored: Stored = {}
        await store_stretches(connection, stored)
        await assert_rollups(connection, stored)
        views = "SELECT count(*) FROM timescaledb_information.continuous_aggregates"
        assert await connection.fetchval(views) == len(VIEWS)
    finally:
        await connection.close()
