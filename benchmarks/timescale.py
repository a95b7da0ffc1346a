"""Two years of minutes as a plain table and as a compressed hypertable, on one server with TimescaleDB.

``TIMESCALE_TEST_DSN=postgresql://… python benchmarks/timescale.py [--repeats 5] [--days 730] [--write]``

The plain table is what the service makes where there is no TimescaleDB. Each question goes to both, in turn.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import asyncpg  # noqa: E402 - the product is found by its path
import numpy as np  # noqa: E402

from app_extensions.migrations import migrate, read_migrations  # noqa: E402
from benchmarks.harness import table, write_section  # noqa: E402
from services.stores.bars import upsert_bars  # noqa: E402
from services.stores.series import Series, upsert_series  # noqa: E402
from tests.databases import TIMESCALE_DSN, borrowed_database, create_database, execute  # noqa: E402
from utils.domain import DAY_MS, MINUTE_MS, Bar, BarState, Instrument, Timeframe  # noqa: E402

MINUTE = Timeframe.parse("1m")
# Old enough that the policy, which leaves ninety days alone, takes all of it.
START_MS = 1_640_995_200_000
COLUMNS = (
    *("series_id", "timeframe_s", "open_time", "open", "high", "low", "close", "volume"),
    *("revision", "state", "source"),
)
NEWEST = """
    SELECT open_time, open, high, low, close, volume, revision, state FROM bar
    WHERE series_id = $1 ORDER BY open_time DESC LIMIT 1000
"""
MINUTES_TO_HOURS = """
    SELECT date_bin('1 hour', open_time, '2000-01-01Z'), max(high), min(low), sum(volume) FROM bar
    WHERE series_id = $1 AND open_time >= $2 AND open_time < $2 + INTERVAL '365 days' GROUP BY 1 ORDER BY 1
"""
VIEW_OF_HOURS = """
    SELECT open_time, open, high, low, close, volume FROM bar_hourly
    WHERE series_id = $1 AND open_time >= $2 AND open_time < $2 + INTERVAL '365 days' ORDER BY 1
"""
NEW_BARS = 1_000
Question = Callable[["Side", int], Awaitable[object]]


@dataclass(frozen=True)
class Side:
    """One of the two tables: a connection to its database, its series, and how many minutes it began with."""

    connection: asyncpg.Connection
    series: Series
    minutes: int


def walk(count: int) -> Iterator[tuple[object, ...]]:
    """Yield minutes of a price that walks in whole cents, as an exchange would print them."""
    chance = np.random.default_rng(7)
    closes = np.round(60_000 + np.cumsum(chance.normal(0, 12, count)), 2).tolist()
    reach = np.round(np.abs(chance.normal(0, 9, (count, 2))), 2).tolist()
    volumes = np.round(chance.gamma(1.2, 4, count), 8).tolist()
    opened = 60_000.0
    began = datetime.fromtimestamp(START_MS / 1_000, UTC)
    for number, close in enumerate(closes):
        high = round(max(opened, close) + reach[number][0], 2)
        low = round(min(opened, close) - reach[number][1], 2)
        time_ = began + timedelta(minutes=number)
        yield (1, 60, time_, opened, high, low, close, volumes[number], 0, "closed", "exchange")
        opened = close


async def fill(dsn: str, minutes: int) -> Side:
    connection = await asyncpg.connect(dsn)
    series = await upsert_series(connection, Instrument("crypto", "bench", "BTC/USD"), MINUTE)
    await connection.copy_records_to_table("bar", records=walk(minutes), columns=COLUMNS)
    return Side(connection, series, minutes)


async def open_plain(server_dsn: str, minutes: int) -> Side:
    dsn = await create_database(server_dsn, "plain")
    await execute(dsn, *(part for file in read_migrations("plain") for part in file.statements))
    side = await fill(dsn, minutes)
    await side.connection.execute("VACUUM ANALYZE bar")
    return side


async def open_timescale(server_dsn: str, minutes: int) -> Side:
    dsn = await create_database(server_dsn, "hyper")
    await migrate(dsn)
    await execute(dsn, "SELECT _timescaledb_functions.stop_background_workers()")
    side = await fill(dsn, minutes)
    for kind in ("policy_refresh_continuous_aggregate", "policy_compression"):
        jobs = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = $1"
        for (job,) in await side.connection.fetch(jobs, kind):
            await side.connection.execute(f"CALL run_job({job})")
    await side.connection.execute("VACUUM ANALYZE bar")
    return side


async def read_newest(side: Side, _repeat: int) -> object:
    return len(await side.connection.fetch(NEWEST, side.series.series_id))


async def read_hours(side: Side, _repeat: int) -> object:
    began = datetime.fromtimestamp(START_MS / 1_000, UTC)
    return len(await side.connection.fetch(MINUTES_TO_HOURS, side.series.series_id, began))


async def read_view(side: Side, _repeat: int) -> object:
    began = datetime.fromtimestamp(START_MS / 1_000, UTC)
    return len(await side.connection.fetch(VIEW_OF_HOURS, side.series.series_id, began))


async def add_new(side: Side, repeat: int) -> object:
    first = side.minutes + repeat * NEW_BARS
    opens = (START_MS + (first + number) * MINUTE_MS for number in range(NEW_BARS))
    bars = [Bar(open_ms, 60_000, 60_009.5, 59_990.25, 60_001, 1.5, BarState.CLOSED) for open_ms in opens]
    return len(await upsert_bars(side.connection, side.series, bars))


async def correct_old(side: Side, repeat: int) -> object:
    open_ms = START_MS + (repeat + 1) * 40 * DAY_MS
    bar = Bar(open_ms, 60_000, 90_000, 10_000, 60_001, 2.5, BarState.CLOSED)
    return len(await upsert_bars(side.connection, side.series, [bar]))


QUESTIONS: dict[str, Question] = {
    "the newest 1,000 minutes": read_newest,
    "a year of minutes as hours, reckoned now": read_hours,
    "a year of hours of the view bar_hourly": read_view,
    "1,000 new minutes written": add_new,
    "one old, compressed minute corrected": correct_old,
}


async def timed(question: Question, side: Side, repeat: int) -> tuple[float, object]:
    began_s = time.perf_counter()
    answer = await question(side, repeat)
    return (time.perf_counter() - began_s) * 1_000, answer


async def size_of(side: Side, expression: str) -> int:
    return int(await side.connection.fetchval(f"SELECT {expression}"))


async def run(server_dsn: str, minutes: int, repeats: int) -> str:
    plain, hyper = await open_plain(server_dsn, minutes), await open_timescale(server_dsn, minutes)
    try:
        sizes = (
            await size_of(plain, "pg_total_relation_size('bar')"),
            await size_of(hyper, "hypertable_size('bar')"),
        )
        rows = []
        for name, question in QUESTIONS.items():
            times: list[tuple[float, float]] = []
            for repeat in range(repeats):
                (plain_ms, one), (hyper_ms, other) = (
                    await timed(question, plain, repeat),
                    await timed(question, hyper, repeat),
                )
                assert one == other, (name, one, other)
                times.append((plain_ms, hyper_ms))
            rows.append([name, *(_spread([each[side] for each in times]) for side in (0, 1)), _ratio(times)])
    finally:
        await plain.connection.close()
        await hyper.connection.close()
    size = [f"{minutes:,} minutes on disk, MB", *(f"{each / 1e6:,.1f}" for each in sizes)]
    rows.insert(0, [*size, f"{sizes[1] / sizes[0]:.2f}"])
    return table(["ms, median (range)", "plain", "compressed hypertable", "ratio"], rows)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"


def _ratio(times: list[tuple[float, float]]) -> str:
    return f"{statistics.median(hyper / plain for plain, hyper in times):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    if not TIMESCALE_DSN:
        raise SystemExit("Set TIMESCALE_TEST_DSN to a server that has the extension timescaledb.")
    with borrowed_database(TIMESCALE_DSN) as server_dsn:
        text = asyncio.run(run(server_dsn, options.days * DAY_MS // MINUTE_MS, options.repeats))
    command = f"python benchmarks/timescale.py --repeats {options.repeats} --days {options.days}"
    text = f"`{command}`\n\n{text}"
    print(text)
    if options.write:
        write_section("timescale", text)


if __name__ == "__main__":
    main()
