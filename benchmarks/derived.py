"""A year of minutes read as hours, from the derived series and on the fly; and what an answer allocates.

``python benchmarks/derived.py [--repeats 5] [--write]``
"""

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import asyncpg  # noqa: E402 - the product is found by its path

from app_extensions.db_pool import close_pool, open_pool  # noqa: E402
from app_extensions.embedded import embedded_servers  # noqa: E402
from app_extensions.migrations import migrate_blocking  # noqa: E402
from benchmarks.harness import table, write_section  # noqa: E402
from blueprints.formats.highcharts import encode_history  # noqa: E402
from services.answers import make_answer  # noqa: E402
from services.derivation import build_bars  # noqa: E402
from services.history_query import HistoryQuery, HistoryText  # noqa: E402
from services.stores.bars import select_bars, upsert_bars  # noqa: E402
from services.stores.derived_bars import select_buckets  # noqa: E402
from services.stores.history import select_history  # noqa: E402
from services.stores.series import Series, update_known, upsert_series  # noqa: E402
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Instrument, InstrumentSpec, Span, Timeframe  # noqa: E402

MARKET = Instrument("crypto", "bench", "BTC/USD")
START_MS = 1_735_689_600_000
YEAR = Span(START_MS, START_MS + 365 * DAY_MS)
MINUTE, HOUR = Timeframe.parse("1m"), Timeframe.parse("1h")
PAGE_HOURS = 4_000
READ_AS = "Aggregating on the fly ends with rows, before any text. Charts are answered with text."
KINDS = (
    "from the derived series, as rows",
    "from the derived series, as text",
    "from the derived series, as objects",
    "aggregated on the fly, as rows",
)
ROWS = """
    SELECT (date_part('epoch', open_time) * 1000)::bigint, open, high, low, close, volume, revision, state
    FROM bar
    WHERE series_id = $1
        AND open_time >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
        AND open_time < 'epoch'::timestamptz + $3::bigint * INTERVAL '1 millisecond'
    ORDER BY open_time
"""
# A sine and a ramp: every bar differs, and none breaks a check of the table.
FILL = """
    INSERT INTO bar
        (series_id, timeframe_s, open_time, open, high, low, close, volume, revision, state, source)
    SELECT
        $1, $2, to_timestamp(ms / 1000.0), price, price + 3.5, price - 3.25, price + 1.125,
        (ms / 60000) % 97 + 0.5, 0, 'closed', 'exchange'
    FROM generate_series($3::bigint, $4::bigint - 1, $2 * 1000::bigint) AS ms,
        LATERAL (SELECT 60000 + 900 * sin(ms / 86400000.0) + (ms / 60000) % 41 AS price) AS made
"""


def pages() -> list[Span]:
    """Return the year in parts; one question for buckets is bounded."""
    step_ms = PAGE_HOURS * HOUR_MS
    starts = range(YEAR.start_ms, YEAR.end_ms, step_ms)
    return [Span(start_ms, min(start_ms + step_ms, YEAR.end_ms)) for start_ms in starts]


async def fill(pool: asyncpg.Pool) -> tuple[Series, Series]:
    """Make the year of minutes, and the hours that the product would have built of them."""
    minutes = await upsert_series(pool, MARKET, MINUTE)
    hours = await upsert_series(pool, MARKET, HOUR, derived_from=minutes)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(FILL, minutes.series_id, 60, YEAR.start_ms, YEAR.end_ms, timeout=120)
    await update_known(pool, minutes.series_id, [YEAR])
    minutes = await upsert_series(pool, MARKET, MINUTE)
    for page in pages():
        buckets = await select_buckets(pool, minutes, HOUR, page)
        bars, complete = build_bars(buckets, HOUR, minutes.known)
        async with pool.acquire() as connection, connection.transaction():
            await upsert_bars(connection, hours, bars)
            await update_known(connection, hours.series_id, complete)
    await pool.execute("VACUUM ANALYZE bar", timeout=120)
    return minutes, await upsert_series(pool, MARKET, HOUR, derived_from=minutes)


async def read_stored_as_rows(pool: asyncpg.Pool, hours: Series) -> int:
    return len(await pool.fetch(ROWS, hours.series_id, YEAR.start_ms, YEAR.end_ms))


async def read_stored(pool: asyncpg.Pool) -> int:
    found = await select_history(pool, MARKET, HOUR, YEAR, limit=10_000)
    return 0 if found is None else found[1].count


async def read_stored_as_objects(pool: asyncpg.Pool, hours: Series) -> int:
    found = await select_bars(pool, hours, start_ms=YEAR.start_ms, end_ms=YEAR.end_ms, limit=10_000)
    return len(found)


async def read_on_the_fly(pool: asyncpg.Pool, minutes: Series) -> int:
    return sum([len(await select_buckets(pool, minutes, HOUR, page)) for page in pages()])


async def timed(call: Callable[[], Awaitable[int]]) -> tuple[float, int]:
    began_s = time.perf_counter()
    count = await call()
    return (time.perf_counter() - began_s) * 1000, count


@dataclass(frozen=True)
class Allocated:
    """What making an answer took of Python's memory: blocks that stay with it, and bytes at the peak."""

    bars: int
    blocks: int
    peak_bytes: int
    body_bytes: int


async def make_body(pool: asyncpg.Pool, limit: int) -> tuple[HistoryText, bytes]:
    """Return what the view makes of the database's answer, and its bytes."""
    span = Span(YEAR.start_ms, YEAR.start_ms + limit * MINUTE_MS)
    query = HistoryQuery(MARKET, MINUTE, start_ms=span.start_ms, end_ms=span.end_ms, limit=limit)
    found = await select_history(pool, MARKET, MINUTE, span, limit=limit)
    assert found is not None
    history = HistoryText(
        query=query,
        spec=InstrumentSpec(MARKET, "", ""),
        gaps=(),
        as_of_ms=YEAR.end_ms,
        stale=False,
        next_ms=None,
        settled=True,
        text=found[1],
    )
    return history, make_answer(history, encode_history(history), "application/json").body


async def allocated(pool: asyncpg.Pool, limit: int) -> Allocated:
    """Measure the second of two answers; the first fills what is made once."""
    await make_body(pool, limit)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    tracemalloc.reset_peak()
    base_bytes, _ = tracemalloc.get_traced_memory()
    history, body = await make_body(pool, limit)
    _, peak_bytes = tracemalloc.get_traced_memory()
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    assert history.text.count == limit
    blocks = sum(max(0, each.count_diff) for each in after.compare_to(before, "filename"))
    return Allocated(limit, blocks, peak_bytes - base_bytes, len(body))


async def run(dsn: str, repeats: int) -> str:
    pool = await open_pool(dsn)
    try:
        minutes, hours = await fill(pool)
        rows_read, stored, objects, fly = [], [], [], []
        for _ in range(repeats):
            rows_read.append(await timed(lambda: read_stored_as_rows(pool, hours)))
            stored.append(await timed(lambda: read_stored(pool)))
            objects.append(await timed(lambda: read_stored_as_objects(pool, hours)))
            fly.append(await timed(lambda: read_on_the_fly(pool, minutes)))
        memory = [await allocated(pool, limit) for limit in (500, 5_000)]
    finally:
        await close_pool(pool)
    assert {found for _, found in stored} == {found for _, found in fly} == {365 * 24}
    times = [[each for each, _ in kind] for kind in (rows_read, stored, objects, fly)]
    rows = [
        [name, f"{statistics.median(each):.1f} ({min(each):.1f} to {max(each):.1f})"]
        for name, each in zip(KINDS, times, strict=True)
    ]
    factors = [
        statistics.median(slow / fast for fast, slow in zip(each, times[3], strict=True))
        for each in times[:3]
    ]
    memory_rows = [
        [f"{each.bars:,}", f"{each.blocks:,}", f"{each.peak_bytes:,}", f"{each.body_bytes:,}"]
        for each in memory
    ]
    return "\n\n".join(
        (
            table(["a year of minutes as 8,760 hours", "ms, median (range)"], rows),
            f"Factors: {', '.join(f'{factor:.0f}' for factor in factors)}. {READ_AS}",
            "An answer of minutes, from the database to the encoded body; no object is made for a bar:",
            table(["bars", "blocks that stay", "bytes at the peak", "bytes of the body"], memory_rows),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench") as scratch,
        embedded_servers(Path(scratch), postgres=True, valkey=False, durable=False) as addresses,
    ):
        dsn = addresses.db_connection_string or ""
        migrate_blocking(dsn)
        text = asyncio.run(run(dsn, options.repeats))
    text = f"`python benchmarks/derived.py --repeats {options.repeats}`\n\n{text}"
    print(text)
    if options.write:
        write_section("derived", text)


if __name__ == "__main__":
    main()
