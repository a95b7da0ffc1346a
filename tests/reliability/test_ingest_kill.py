"""A backfill that is killed, again and again, ends with exactly the exchange's bars.

Run the long form by name: ``./test.sh tests/reliability/test_ingest_kill.py -m long``.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

import asyncpg
import pytest

from app_extensions.migrations import SQL_DIR
from tests.exchange import LocalExchange
from tests.exchange.fold import Row
from utils.domain import MINUTE_MS

QUART = Path(sys.executable).with_name("quart")
START_MS = 1_700_000_040_000
# More than the killed runs can fetch, so that every kill meets one at work.
MINUTES_A_KILL = 2_500
DEADLINE_S = 60


def rows(rng: random.Random, minutes: int) -> list[Row]:
    """The exchange's final bars, one minute in twenty without a trade."""
    made = []
    for minute in range(minutes):
        if rng.random() < 0.05:
            continue
        low, middle, high = sorted(rng.randrange(100_000, 200_000) for _ in range(3))
        texts = [f"{value / 100:.2f}" for value in (middle, high, low, middle)]
        made.append(Row(START_MS + minute * MINUTE_MS, *texts, f"{rng.randrange(1, 10_000) / 1000:.3f}"))
    return made


async def backfill(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        QUART,
        *("backfill", "crypto", "bitstamp", "BTC/USD", "1m", "--since", str(START_MS), "--plain"),
        cwd=SQL_DIR.parent,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def killed_somewhere(exchange: LocalExchange, environment: dict[str, str], rng: random.Random) -> None:
    """Kill one run after a random number of pages, at a random moment of the next one."""
    pages = len(exchange.calls_of("bitstamp", "bars")) + rng.randrange(1, 4)
    process = await backfill(environment)
    ended = asyncio.ensure_future(process.wait())
    reached = asyncio.ensure_future(
        exchange.until(lambda: len(exchange.calls_of("bitstamp", "bars")) >= pages, deadline_s=DEADLINE_S)
    )
    await asyncio.wait({ended, reached}, return_when=asyncio.FIRST_COMPLETED)
    # Not to wait for anything: the moment of the kill is what is random.
    await asyncio.sleep(rng.random() * 0.05)
    at_work = process.returncode is None
    if at_work:
        process.kill()
    await ended
    assert at_work, "the run had ended before it could be killed"
    reached.cancel()
    await asyncio.gather(reached, return_exceptions=True)


async def survive(exchange: LocalExchange, dsn: str, redis_url: str, tmp_path: Path, kills: int) -> None:
    rng = random.Random(kills)
    minutes = (kills + 2) * MINUTES_A_KILL
    exchange.time_ms = START_MS + minutes * MINUTE_MS + 30_000
    truth = rows(rng, minutes)
    exchange.bitstamp.hold_bars("BTC/USD", MINUTE_MS, truth)
    environment = {
        "PATH": os.environ["PATH"],
        "ENV": "test",
        "SECRET_KEY": "a-key-that-only-the-tests-know-0123456789",
        "DB_CONNECTION_STRING": dsn,
        "REDIS_URL": redis_url,
        "VAR_DIR": str(tmp_path / "var"),
        "CRYPTO_ENDPOINT": exchange.endpoint,
        "CRYPTO_EXCHANGES": "bitstamp",
    }
    for _ in range(kills):
        await killed_somewhere(exchange, environment, rng)
    last = await backfill(environment)
    async with asyncio.timeout(DEADLINE_S):
        _, complaint = await last.communicate()
    assert last.returncode == 0, complaint
    connection = await asyncpg.connect(dsn)
    try:
        stored = await connection.fetch(
            """
            SELECT (date_part('epoch', open_time) * 1000)::bigint, open, high, low, close, volume, state::text
            FROM bar ORDER BY open_time
            """
        )
    finally:
        await connection.close()
    expected = [(row.open_time_ms, *(float(text) for text in row[1:])) for row in truth]
    assert [tuple(row)[:6] for row in stored] == expected
    assert {row["state"] for row in stored} == {"closed"}


@pytest.fixture
async def exchange():
    async with LocalExchange(time_ms=START_MS) as exchange:
        yield exchange


async def test_a_backfill_killed_a_few_times_ends_with_the_exchanges_bars(exchange, dsn, redis_url, tmp_path):
    await survive(exchange, dsn, redis_url, tmp_path, kills=4)


@pytest.mark.long
async def test_a_backfill_killed_fifty_times_ends_with_the_exchanges_bars(exchange, dsn, redis_url, tmp_path):
    await survive(exchange, dsn, redis_url, tmp_path, kills=50)
