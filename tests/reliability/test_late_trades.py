"""A trade that arrives after its bar has closed: the log and the history tell the same correction."""

import asyncio
from dataclasses import replace

import pytest

from app import create_app
from tests.exchange import LocalExchange, fold_floats
from tests.exchange.markets import walk
from tests.live.talk import Talk
from utils.domain import MINUTE_MS

START_MS = 1_700_000_040_000
NOW_MS = START_MS + 10 * MINUTE_MS
TOPIC = "bars:crypto:bitstamp:BTC/USD:1m"
WS = "/ws/subscribe?market=crypto&exchange=bitstamp&symbols=BTC/USD&timeframe=1m"
REST = "/market/fetch_ohlcv?market=crypto&exchange=bitstamp&symbol=BTC/USD&timeframe=1m"
DEADLINE_S = 30
KEYS = ("open_time_ms", "open", "high", "low", "close", "volume")


@pytest.fixture
def trades():
    return walk(20 * 8, start_ms=START_MS + 1_000)


@pytest.fixture
async def exchange(trades):
    async with LocalExchange(time_ms=NOW_MS) as exchange:
        exchange.bitstamp.hold_trades("BTC/USD", trades)
        yield exchange


@pytest.fixture
async def client(config, exchange):
    app = create_app(replace(config, crypto_endpoint=exchange.endpoint, crypto_exchanges="bitstamp"))
    async with app.test_app():
        yield app.test_client()


async def until_final(talk, open_ms, state):
    while True:
        message = (await talk.closed_bars(1, TOPIC))[0]
        bar = message["bar"]
        if (bar["open_time_ms"], bar["state"]) == (open_ms, state):
            return bar


async def test_a_late_trade_corrects_its_bar_in_the_log_and_in_history(client, exchange, trades):
    bar_ms = NOW_MS // MINUTE_MS * MINUTE_MS + MINUTE_MS
    async with client.websocket(WS) as connection:
        talk = Talk(connection)
        await talk.until("snapshot")
        await exchange.bitstamp.until_subscribed("BTC/USD")
        await exchange.play_until(bar_ms + 2 * MINUTE_MS)
        async with asyncio.timeout(DEADLINE_S):
            closed = await until_final(talk, bar_ms, "closed")
        # Far above all others, so that nobody can overlook it; the exchange's own bar now holds it as well.
        late = trades[-1]._replace(id=trades[-1].id + 1, time_ms=bar_ms + 30_000, price="99999")
        await exchange.bitstamp.push_trades("BTC/USD", [late])
        async with asyncio.timeout(DEADLINE_S):
            corrected = await until_final(talk, bar_ms, "corrected")
    expected = {row[0]: row for row in fold_floats([*trades, late], MINUTE_MS)}[bar_ms]
    assert closed["high"] < corrected["high"] == 99_999
    assert corrected["revision"] > closed["revision"]
    assert tuple(corrected[key] for key in KEYS) == expected
    answer = await client.get(f"{REST}&since={bar_ms}&until={bar_ms + MINUTE_MS}")
    assert [tuple(row) for row in (await answer.get_json())["ohlcv"]] == [expected]
