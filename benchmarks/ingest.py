"""Bars written in several ways, read back from a small and a large table, and what one takes on disk.

``python benchmarks/ingest.py [--repeats 5] [--rows 10000000] [--write]``. The embedded PostgreSQL is as
durable as in service: each transaction reaches the disk. Ten million rows take 3 GB of it and a few minutes.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import asyncpg  # noqa: E402 - the product is found by its path

from app_extensions.embedded import embedded_servers  # noqa: E402
from app_extensions.migrations import migrate  # noqa: E402
from benchmarks.harness import spread, table, write_section  # noqa: E402
from services.stores import bars as bars_module  # noqa: E402
from services.stores.bar_merge import MERGE  # noqa: E402
from services.stores.bars import select_bars, upsert_bars  # noqa: E402
from services.stores.bulk_bars import copy_bars  # noqa: E402
from services.stores.history import select_history  # noqa: E402
from services.stores.series import Series, upsert_series  # noqa: E402
from utils.domain import MINUTE_MS, Bar, BarState, Instrument, Span, Timeframe  # noqa: E402

MINUTE = Timeframe.parse("1m")
MARKET = Instrument("crypto", "bench", "BTC/USD")
START_MS = 1_000_000_020_000
BATCH_BARS, BATCHES = 10_000, 5
PAGE_BARS = 1_000
SMALL_ROWS = 100_000
READS = 200
CHUNK_ROWS = 1_000_000

ONE_BY_ONE = f"""
    INSERT INTO bar AS stored
        (series_id, timeframe_s, open_time, open, high, low, close, volume, state, revision, source)
    VALUES (
        $1, 60, 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond', $3, $4, $5, $6, $7,
        $8::text::bar_state, $9, $10::text::bar_source
    )
    {MERGE}
"""
FILL = """
    INSERT INTO bar (series_id, timeframe_s, open_time, open, high, low, close, volume, state, source)
    SELECT $1, 60, to_timestamp(ms / 1000.0), price, price + 3.5, price - 3.25, price + 1.125,
        (ms / 60000) % 97 + 0.5, 'closed', 'exchange'
    FROM generate_series($2::bigint, $3::bigint - 1, 60000) AS ms,
        LATERAL (SELECT 60000 + 900 * sin(ms / 86400000.0) + (ms / 60000) % 41 AS price) AS made
"""
SIZE = """
    SELECT pg_table_size('bar') / count(*)::float AS heap, pg_indexes_size('bar') / count(*)::float AS indexes
    FROM bar
"""

Write = Callable[[asyncpg.Connection, Series, Sequence[Bar]], Awaitable[object]]


async def write_one_by_one(connection: asyncpg.Connection, series: Series, bars: Sequence[Bar]) -> None:
    rows = [
        (series.series_id, bar.open_time_ms, *bar.values, bar.state, bar.revision, bar.source) for bar in bars
    ]
    async with connection.transaction():
        await connection.executemany(ONE_BY_ONE, rows)


async def write_arrays(connection: asyncpg.Connection, series: Series, bars: Sequence[Bar]) -> None:
    usual, bars_module.ARRAYS_MAX = bars_module.ARRAYS_MAX, BATCH_BARS
    try:
        await upsert_bars(connection, series, bars)
    finally:
        bars_module.ARRAYS_MAX = usual


WAYS: dict[str, Write] = {
    "executemany": write_one_by_one,
    "arrays (up to 1,000 bars at a time)": write_arrays,
    "COPY, bars returned (more at a time)": upsert_bars,
    "COPY, opens returned (imports)": copy_bars,
}
KINDS = ("new", "changed", "unchanged")


def made_bar(number: int) -> Bar:
    price = 20_000 + number * 7_919 % 10_007 / 100
    volume = number * 104_729 % 99_991 / 1_000
    open_ms = START_MS + number * MINUTE_MS
    return Bar(open_ms, price, price + 3.5, price - 3.25, price + 1.125, volume, BarState.CLOSED)


def made_bars(count: int) -> list[Bar]:
    return [made_bar(number) for number in range(count)]


async def compare_writing(connection: asyncpg.Connection, repeats: int) -> str:
    new = made_bars(BATCH_BARS * BATCHES)
    changed = [replace(bar, high=bar.high + 1) for bar in new]
    rates: dict[tuple[str, str], list[float]] = {}
    for repeat in range(-1, repeats):
        for way, write in WAYS.items():
            series = await upsert_series(
                connection, replace(MARKET, exchange=way, symbol=f"{repeat}"), MINUTE
            )
            for kind, bars in zip(KINDS, (new, changed, changed), strict=True):
                began_s = time.perf_counter()
                for first in range(0, len(bars), BATCH_BARS):
                    await write(connection, series, bars[first : first + BATCH_BARS])
                rate = len(bars) / (time.perf_counter() - began_s)
                if repeat >= 0:  # the first round is for warming up
                    rates.setdefault((way, kind), []).append(rate)
        await connection.execute("CHECKPOINT")
    lines = []
    for way in WAYS:
        told = [spread(rates[way, kind]) for kind in KINDS]
        lines.append([way, *told, *(f"{ratio(rates, way, kind):.1f}" for kind in KINDS)])
    return table(["bars a second", *KINDS, *(f"{kind}, x executemany" for kind in KINDS)], lines)


def ratio(rates: dict[tuple[str, str], list[float]], way: str, kind: str) -> float:
    pairs = zip(rates[way, kind], rates["executemany", kind], strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


async def compare_pages(connection: asyncpg.Connection, repeats: int) -> str:
    """Write pages as exchanges send them, one transaction a page."""
    new = made_bars(PAGE_BARS * 20)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for repeat in range(repeats):
        for way, write in WAYS.items():
            name = replace(MARKET, exchange=way, symbol=f"page {repeat}")
            series = await upsert_series(connection, name, MINUTE)
            for first in range(0, len(new), PAGE_BARS):
                began_s = time.perf_counter()
                await write(connection, series, new[first : first + PAGE_BARS])
                times[way].append((time.perf_counter() - began_s) * 1_000)
    lines = [[way, f"{statistics.median(each):.1f}"] for way, each in times.items()]
    return table([f"a page of {PAGE_BARS:,} new bars", "ms, median"], lines)


async def filled(connection: asyncpg.Connection, rows: int) -> Series:
    """Empty the database and fill one series with as many minutes."""
    await connection.execute("TRUNCATE bar, series CASCADE")
    series = await upsert_series(connection, MARKET, MINUTE)
    for first in range(0, rows, CHUNK_ROWS):
        span = [START_MS + number * MINUTE_MS for number in (first, min(first + CHUNK_ROWS, rows))]
        await connection.execute(FILL, series.series_id, *span)
    await connection.execute("VACUUM ANALYZE bar")
    await connection.execute("CHECKPOINT")
    return series


async def read_times(connection: asyncpg.Connection, rows: int) -> tuple[list[float], list[float]]:
    """Return the times of the last 1,000 bars as objects and as text, in milliseconds, in turn."""
    series = await filled(connection, rows)
    end_ms = START_MS + rows * MINUTE_MS
    span = Span(end_ms - 1_000 * MINUTE_MS, end_ms)
    objects, texts = [], []
    for _ in range(READS):
        began_s = time.perf_counter()
        found = await select_bars(connection, series, start_ms=span.start_ms, end_ms=span.end_ms, limit=1_000)
        objects.append((time.perf_counter() - began_s) * 1_000)
        assert len(found) == 1_000
        began_s = time.perf_counter()
        text = await select_history(connection, MARKET, MINUTE, span, limit=1_000)
        texts.append((time.perf_counter() - began_s) * 1_000)
        assert text is not None
        assert text[1].count == 1_000
    return objects, texts


async def compare_reading(connection: asyncpg.Connection, rows: int) -> str:
    small = await read_times(connection, SMALL_ROWS)
    large = await read_times(connection, rows)
    size = await connection.fetchrow(SIZE)
    lines = []
    for way, few, many in zip(("as objects", "as JSON text"), small, large, strict=True):
        medians = [statistics.median(each) for each in (few, many)]
        lines.append([way, *(f"{each:.2f}" for each in medians), f"{medians[1] / medians[0]:.2f}"])
    header = ["the last 1,000 bars", f"of {SMALL_ROWS:,}, ms", f"of {rows:,}, ms", "ratio"]
    heap, index = size["heap"], size["indexes"]
    disk = f"A bar takes {heap + index:.0f} bytes on disk: {heap:.0f} in the table, {index:.0f} in its index."
    return f"{table(header, lines)}\n\n{disk}"


async def run(dsn: str, repeats: int, rows: int) -> str:
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        parts = [
            await compare_writing(connection, repeats),
            await compare_pages(connection, repeats),
            await compare_reading(connection, rows),
        ]
    finally:
        await connection.close()
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the large table")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench") as scratch,
        embedded_servers(Path(scratch), postgres=True, valkey=False, durable=True) as addresses,
    ):
        text = asyncio.run(run(addresses.db_connection_string or "", options.repeats, options.rows))
    command = f"`python benchmarks/ingest.py --repeats {options.repeats} --rows {options.rows}`"
    text = f"{command}\n\n{text}"
    print(text)
    if options.write:
        write_section("ingest", text)


if __name__ == "__main__":
    main()
