"""A quote says of which day it is, and gives no old change as that of today."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from quart.testing import app as testing
from quart.typing import TestClientProtocol as Client

from app import create_app
from config import Config
from tests.api.closing_market import AWAY_FROM_MS
from tests.datafeed.conftest import COINBASE_NOW_MS, days_of, served
from tests.exchange import LocalExchange
from tests.exchange.recordings import coinbase_hours
from utils.clock import Clock
from utils.domain import DAY_MS

NEWS = {"ch", "chp"}


async def quote(client: Client, symbol: str) -> dict[str, Any]:
    answer = await client.get("/udf/quotes", query_string={"symbols": symbol})
    (found,) = (await answer.get_json())["d"]
    assert found["s"] == "ok", found
    values: dict[str, Any] = found["v"]
    return values


@asynccontextmanager
async def coinbase_at(config: Config, now_ms: int) -> AsyncIterator[Client]:
    """Coinbase, where nobody has traded since its recording ended."""
    hours = [
        row for row in coinbase_hours() if COINBASE_NOW_MS - 7 * DAY_MS < row.open_time_ms <= COINBASE_NOW_MS
    ]
    async with LocalExchange(time_ms=now_ms) as exchange:
        exchange.coinbase.hold_bars("BTC/USD", DAY_MS, days_of(hours))
        async with served(config, exchange, "coinbase") as app:
            yield app.test_client()


async def test_the_change_is_that_of_the_running_day_or_there_is_none(config: Config) -> None:
    day_ms = COINBASE_NOW_MS - COINBASE_NOW_MS % DAY_MS
    async with coinbase_at(config, COINBASE_NOW_MS) as client:
        running = await quote(client, "crypto:coinbase:BTC/USD")
    assert (running["time_ms"], running["stale"]) == (day_ms, False)
    assert 0 <= running["as_of_ms"] - COINBASE_NOW_MS < 60_000
    assert running.keys() >= NEWS


async def test_of_a_day_long_over_no_change_is_told(config: Config) -> None:
    now_ms = COINBASE_NOW_MS + 4 * DAY_MS
    async with coinbase_at(config, now_ms) as client:
        old = await quote(client, "crypto:coinbase:BTC/USD")
    assert (old["time_ms"], old["stale"]) == (COINBASE_NOW_MS - COINBASE_NOW_MS % DAY_MS, False)
    assert 0 <= old["as_of_ms"] - now_ms < 60_000
    assert "prev_close_price" in old
    assert not old.keys() & NEWS


async def test_while_an_exchange_is_away_a_quote_says_that_it_is_old(config: Config) -> None:
    times_ms = [AWAY_FROM_MS - 30_000]
    created = create_app(
        replace(config, plugins=("tests.api.closing_market",)), Clock(now_ms=lambda: times_ms[-1])
    )
    async with testing.TestApp(created):
        client = created.test_client()
        fresh = await quote(client, "closing:simex:BTC/USD")
        times_ms.append(AWAY_FROM_MS + 2 * DAY_MS)
        old = await quote(client, "closing:simex:BTC/USD")
    assert fresh["stale"] is False
    assert fresh.keys() >= NEWS
    assert old["stale"] is True
    assert (old["lp"], old["time_ms"], old["as_of_ms"]) == (fresh["lp"], fresh["time_ms"], fresh["as_of_ms"])
    assert not old.keys() & NEWS
