"""Ten thousand coins with a year of days: lists by HTTP inside of one process, and a sync without a network.

``python benchmarks/coins.py [--repeats 5] [--coins 10000] [--write]``. The embedded PostgreSQL is as durable
as in service. A list is asked of the app without a socket, in turn with every other; answers are not kept
(``ANSWER_CACHE_MB=0``), so each is read from the store. A sync writes what a provider has answered already.
"""

import argparse
import asyncio
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import asyncpg  # noqa: E402 - the product is found by its path
from quart.testing.app import TestApp  # noqa: E402

from app import create_app  # noqa: E402
from app_extensions.embedded import embedded_servers  # noqa: E402
from app_extensions.migrations import migrate  # noqa: E402
from benchmarks.harness import spread, table, write_section  # noqa: E402
from config import load_config  # noqa: E402
from middleware.context import EXTENSION  # noqa: E402
from plugins.listings.base import Coin, CoinFigures, ListingsPage  # noqa: E402
from services.stores.coin_syncs import insert_prices_of, write_page  # noqa: E402
from utils.clock import Clock  # noqa: E402
from utils.domain import DAY_MS  # noqa: E402

PROVIDER = "simulated"
PATH = "/api/v1/cryptocurrencies"
LISTS = {
    "the first 50 by market capitalisation": "/?limit=50",
    "250 in the middle, by volume": "/?limit=250&offset=5000&sort_by=volume_24h",
    "a search, by change": "/?search=coin%2042&sort_by=change_24h_percent",
    "bounded by price and volume, by name": "/?min_price=1&max_price=100&min_volume=1000&sort_by=name",
    "gainers of a week": "/top/gainers?window=7d",
    "trending": "/top/trending",
    "a year of days of one coin": "/coin-42/history?range=365d&interval=1d",
    "the first 50, with what can be heard": "/?limit=50&include=accessibility&locale=de",
}
ASKED = 40
SYNC_COINS = 200
HISTORY = """
    INSERT INTO coin_price_daily (coin_key, day, open, high, low, close, market_cap, volume_24h, points)
    SELECT
        coin_key, to_timestamp($1::bigint / 1000) - day * INTERVAL '1 day',
        price, price * 1.02, price * 0.97, price * 1.01, market_cap, volume_24h, 1
    FROM coin CROSS JOIN generate_series(1, 365) AS day
    WHERE coin_key BETWEEN $2 AND $3 AND price IS NOT NULL
"""
POINTS = """
    INSERT INTO coin_price (coin_key, price_time, price, market_cap, volume_24h)
    SELECT coin_key, day, close, market_cap, volume_24h FROM coin_price_daily WHERE coin_key BETWEEN $1 AND $2
"""
KEYS_AT_ONCE = 500


def made_page(count: int, now_ms: int) -> ListingsPage:
    """Return as many coins as a provider lists, by rank; a tenth of the figures are unknown."""
    chance = Random(10)

    def figure(most: float) -> float | None:
        return None if chance.random() < 0.1 else chance.random() * most

    coins = tuple(
        Coin(
            PROVIDER,
            f"coin-{number}",
            f"C{number % 8_000}",
            f"Coin {number}",
            f"coin-{number}",
            CoinFigures(
                price=figure(1_000),
                market_cap=1e12 / (number + 1),
                volume_24h=figure(1e9),
                circulating_supply=figure(1e9),
                change_1h_percent=figure(20),
                change_24h_percent=figure(40),
                change_7d_percent=figure(80),
                change_30d_percent=figure(160),
                updated_ms=now_ms,
            ),
            rank=number + 1,
        )
        for number in range(count)
    )
    return ListingsPage(PROVIDER, coins, now_ms)


async def write(pool: asyncpg.Pool, page: ListingsPage) -> float:
    """Store a page as a sync does, and return how long that took, in seconds."""
    started_s = time.perf_counter()
    async with pool.acquire() as connection, connection.transaction():
        now_ms = page.fetched_ms
        _, changed = await write_page(connection, page, now_ms=now_ms, forget_before_ms=now_ms - 1_800_000)
        await insert_prices_of(connection, changed)
    return time.perf_counter() - started_s


async def fill(dsn: str, page: ListingsPage) -> None:
    """Store all coins and a year of their days."""
    connection = await asyncpg.connect(dsn)
    try:
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=1)
        await write(pool, page)
        await pool.close()
        today_ms = page.fetched_ms // DAY_MS * DAY_MS
        for first in range(1, len(page.coins) + 1, KEYS_AT_ONCE):
            last = first + KEYS_AT_ONCE - 1
            await connection.execute(HISTORY, today_ms, first, last)
            await connection.execute(POINTS, first, last)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how long a piece of work took, in milliseconds."""
    started_s = time.perf_counter()
    await work()
    return (time.perf_counter() - started_s) * 1_000


async def measure(dsn: str, redis_url: str, var_dir: str, count: int, repeats: int) -> str:
    """Return the tables."""
    await migrate(dsn)
    now_ms = Clock().now_ms()
    page = made_page(count, now_ms)
    await fill(dsn, page)
    settings = {"ENV": "test", "SECRET_KEY": "a-key-of-a-benchmark-0123456789-abc", "VAR_DIR": var_dir}
    config = replace(
        load_config(settings, dotenv=None),
        db_connection_string=dsn,
        redis_url=redis_url,
        rate_limit_per_minute=1_000_000,
        answer_cache_mb=0,
        jobs="apart",
    )
    app = create_app(config)
    async with TestApp(app):
        client = app.test_client()

        async def ask(path: str) -> None:
            answer = await client.get(PATH + path)
            await answer.get_data()
            assert answer.status_code == 200, await answer.get_data(as_text=True)

        taken: dict[str, list[float]] = {name: [] for name in LISTS}
        for path in LISTS.values():
            await ask(path)
        for _ in range(repeats * ASKED):
            for name, path in LISTS.items():
                taken[name].append(await timed(functools.partial(ask, path)))
        pool = app.extensions[EXTENSION].pool
        syncs = []
        for turn in range(1, repeats * 4 + 1):
            later_ms = now_ms + turn * 1_000
            first = replace(page, coins=page.coins[:SYNC_COINS], fetched_ms=later_ms)
            syncs.append(await write(pool, first) * 1_000)
    rows = [
        [name, f"{statistics.median(values):.1f}", f"{p95(values):.1f}"] for name, values in taken.items()
    ]
    lists = table([f"{count:,} coins with a year of days", "median, ms", "95 of 100 within, ms"], rows)
    synced = table(
        ["Apart from the network", "ms, median (range)"], [[f"a sync of {SYNC_COINS} coins", spread(syncs)]]
    )
    return f"{lists}\n\n{synced}"


def p95(values: list[float]) -> float:
    """Return what 95 of a hundred values stay within."""
    return statistics.quantiles(values, n=100)[94]


def main() -> None:
    """Start the servers, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--coins", type=int, default=10_000)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_servers(Path(folder), postgres=True, valkey=True) as addresses,
    ):
        assert addresses.db_connection_string
        assert addresses.redis_url
        text = asyncio.run(
            measure(
                addresses.db_connection_string,
                addresses.redis_url,
                folder,
                chosen.coins,
                chosen.repeats,
            )
        )
    print(text)
    if chosen.write:
        write_section("coins", text)


if __name__ == "__main__":
    main()
