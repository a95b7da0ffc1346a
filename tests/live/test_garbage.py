"""Every way an exchange goes wrong, through the whole service: nothing wrong is stored, nobody gets a 500."""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

from app import create_app
from tests.exchange import Fault, LocalExchange, fold_floats
from tests.exchange.markets import walk
from utils.domain import MINUTE_MS

START_MS = 1_700_000_040_000
MINUTES = 30
NOW_MS = START_MS + MINUTES * MINUTE_MS
PATHS = {
    "bitstamp": f"exchange=bitstamp&symbol=BTC/USD&timeframe=1m&since={START_MS}",
    "binance": f"exchange=binance&symbol=BTC/USDT&timeframe=1m&since={START_MS}",
}
# What can be put right without guessing: equal doubles count once, and rows are sorted.
HARMLESS = {Fault.DUPLICATE, Fault.OUT_OF_ORDER}
WHOLE_PAGE = {Fault.MISALIGNED, Fault.FUTURE, Fault.WRONG_SPACING, Fault.SECONDS, Fault.MICROSECONDS}
ONE_ROW = {
    Fault.NAN_ROWS,
    Fault.NULL_ROWS,
    Fault.NO_TIME,
    Fault.CONFLICTING,
    Fault.HIGH_BELOW_LOW,
    Fault.INFINITE,
    Fault.TEXT,
    Fault.NEGATIVE_PRICE,
    Fault.ZERO_PRICE,
    Fault.NEGATIVE_VOLUME,
    Fault.CLOSE_OUTSIDE,
    Fault.OPEN_OUTSIDE,
}
NO_ROWS = set(Fault) - HARMLESS - WHOLE_PAGE - ONE_ROW
SLOW = {Fault.HANG, Fault.DRIP}
REQUESTS, AT_ONCE = 10_000, 50


@pytest.fixture(scope="module")
def trades():
    return walk(MINUTES * 8, start_ms=START_MS + 1_000)


@pytest.fixture
async def exchange(trades):
    async with LocalExchange(time_ms=NOW_MS) as exchange:
        exchange.bitstamp.hold_trades("BTC/USD", trades)
        exchange.binance.hold_trades("BTC/USDT", trades)
        yield exchange


@pytest.fixture
async def app(config, exchange):
    app = create_app(replace(config, crypto_endpoint=exchange.endpoint, crypto_exchanges="bitstamp,binance"))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    async with app.test_app():
        yield app


async def stored_rows(pool):
    return await pool.fetch(
        """
        SELECT (date_part('epoch', open_time) * 1000)::bigint AS ms, open, high, low, close, volume, state
        FROM bar ORDER BY open_time
        """
    )


def test_there_are_at_least_thirty_ways_to_go_wrong():
    assert len(Fault) >= 30


@pytest.mark.parametrize("venue", PATHS)
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in SLOW])
async def test_garbage_is_refused_and_counted_and_never_stored(  # noqa: PLR0917 - fixtures
    app, exchange, pool, trades, venue, fault
):
    client, quarantine = app.test_client(), app.extensions["accessibletrader"].quarantine
    await client.get(f"/market/get_symbols?market=crypto&exchange={venue}")
    exchange.venue(venue).fault = fault
    answer = await client.get(f"/market/fetch_ohlcv?market=crypto&{PATHS[venue]}")
    body = json.loads(await answer.get_data())
    oracle = {row[0]: row for row in fold_floats(trades, MINUTE_MS)}
    if fault in HARMLESS:
        assert answer.status_code == 200
        assert [tuple(row) for row in body["ohlcv"]] == list(oracle.values())
        assert quarantine.rows(venue) == 0
        return
    assert answer.status_code in (503, 504)
    assert body["detail"].endswith(".")
    assert await stored_rows(pool) == []
    asked = len(exchange.calls_of(venue, "bars"))
    if fault in ONE_ROW:
        assert quarantine.rows(venue) == asked
    elif fault in WHOLE_PAGE:
        assert quarantine.rows(venue) == asked * len(oracle)
    else:
        assert quarantine.rows(venue) == 0


@pytest.mark.parametrize("fault", sorted(SLOW))
async def test_an_exchange_that_hangs_is_a_problem_within_six_seconds(app, exchange, pool, fault):
    client = app.test_client()
    await client.get("/market/get_symbols?market=crypto&exchange=bitstamp")
    exchange.bitstamp.fault = fault
    answer = await client.get(f"/market/fetch_ohlcv?market=crypto&{PATHS['bitstamp']}")
    assert answer.status_code == 504
    assert await stored_rows(pool) == []


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.NAN_ROWS, Fault.UNAVAILABLE, Fault.CUT])
async def test_what_is_stored_is_shown_and_called_stale(app, exchange, trades, fault):
    client = app.test_client()
    path = f"/market/fetch_ohlcv?market=crypto&{PATHS['bitstamp']}"
    first = json.loads(await (await client.get(f"{path}&until={NOW_MS - 10 * MINUTE_MS}")).get_data())
    exchange.bitstamp.fault = fault
    answer = json.loads(await (await client.get(path)).get_data())
    assert answer["stale"] is True
    assert answer["ohlcv"][: len(first["ohlcv"])] == first["ohlcv"]
    assert {gap["reason"] for gap in answer["gaps"]} <= {"outage", "no_trades"}
    assert answer["gaps"]


async def test_stored_bars_do_not_wait_for_an_exchange_that_hangs(app, exchange):
    client = app.test_client()
    path = f"/market/fetch_ohlcv?market=crypto&{PATHS['bitstamp']}"
    await client.get(f"{path}&until={NOW_MS - 10 * MINUTE_MS}")
    exchange.bitstamp.fault = Fault.HANG
    # Well below the five seconds that the exchange would be waited for without anything to show.
    async with asyncio.timeout(3):
        answer = json.loads(await (await client.get(path)).get_data())
    assert answer["stale"] is True
    assert answer["ohlcv"]


@pytest.mark.long
async def test_ten_thousand_requests_are_answered_while_an_exchange_hangs(app, exchange):
    client = app.test_client()
    known, unknown = (f"/market/fetch_ohlcv?market=crypto&{PATHS[venue]}" for venue in PATHS)
    await client.get("/market/get_symbols?market=crypto&exchange=binance")
    await client.get(f"{known}&until={NOW_MS - 10 * MINUTE_MS}")
    exchange.bitstamp.fault = exchange.binance.fault = Fault.HANG
    slots, statuses, slowest_s = asyncio.Semaphore(AT_ONCE), Counter(), Counter()

    async def ask(path):
        async with slots:
            began_s = time.monotonic()
            answer = await client.get(path)
            slowest_s[path] = max(slowest_s[path], time.monotonic() - began_s)
            statuses[path, answer.status_code] += 1
            assert path == unknown or (await answer.get_json())["stale"]

    async with asyncio.TaskGroup() as group:
        for number in range(REQUESTS):
            group.create_task(ask((known, unknown)[number % 2]))
    told = {f"{'stored' if path == known else 'others'} {code}": n for (path, code), n in statuses.items()}
    sys.stdout.write(f"{told}; stored {slowest_s[known]:.2f} s at most, others {slowest_s[unknown]:.2f} s\n")
    assert statuses[known, 200] == REQUESTS // 2
    assert statuses[unknown, 503] + statuses[unknown, 504] == REQUESTS // 2
    assert slowest_s[known] < 3
    assert slowest_s[unknown] < 6
