"""Recorded Bitstamp traffic through the real ccxt classes, the real store and the real log, to a client."""

import asyncio
import json
from dataclasses import replace

import pytest

from app import create_app
from tests.exchange import LocalExchange, fold_floats
from tests.exchange.recordings import bitstamp_hour
from tests.live.talk import Talk
from utils.domain import HOUR_MS, MINUTE_MS

WS = "/ws/subscribe?market=crypto&exchange=bitstamp&symbols=BTC/USD&timeframe=1m"
REST = "/market/fetch_ohlcv?market=crypto&exchange=bitstamp&symbol=BTC/USD"


@pytest.fixture
def trades():
    return bitstamp_hour()


@pytest.fixture
async def exchange(trades):
    async with LocalExchange(time_ms=trades[-1].time_ms) as exchange:
        exchange.bitstamp.hold_trades("BTC/USD", trades)
        yield exchange


@pytest.fixture
async def client(config, exchange):
    app = create_app(
        replace(config, crypto_endpoint=exchange.endpoint, crypto_exchanges="bitstamp", ws_max_per_address=5)
    )
    async with app.test_app():
        yield app.test_client()


async def get_json(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200, await answer.get_data()
    return await answer.get_json()


async def test_history_is_the_fold_of_the_recorded_trades(client, trades):
    first_ms = trades[0].time_ms
    for timeframe, length_ms in (("1m", MINUTE_MS), ("1h", HOUR_MS)):
        answer = await get_json(client, f"{REST}&timeframe={timeframe}&since={first_ms // HOUR_MS * HOUR_MS}")
        assert [tuple(row) for row in answer["ohlcv"]] == fold_floats(trades, length_ms)
        assert answer["last_bar_state"] == "forming"
        assert answer["stale"] is False


async def test_a_second_identical_request_asks_nothing_of_the_exchange(client, exchange, trades):
    path = f"{REST}&timeframe=1h&since={trades[0].time_ms // HOUR_MS * HOUR_MS}"
    first = await get_json(client, path)
    asked = len(exchange.calls)
    second = await get_json(client, path)
    assert len(exchange.calls) == asked
    assert second["ohlcv"] == first["ohlcv"]


async def test_live_bars_are_the_fold_of_the_recorded_trades(client, exchange, trades):
    """A client joins in the middle of a bar; every close it hears is that minute's fold, none is left out."""
    exchange.time_ms = trades[0].time_ms + 10 * MINUTE_MS
    until_ms = exchange.time_ms + 20 * MINUTE_MS
    joined_ms = exchange.time_ms // MINUTE_MS * MINUTE_MS
    last_ms = until_ms // MINUTE_MS * MINUTE_MS
    oracle = {row[0]: row for row in fold_floats([t for t in trades if t.time_ms <= until_ms], MINUTE_MS)}
    async with client.websocket(WS) as connection:
        talk = Talk(connection)
        await talk.until("snapshot")
        await exchange.bitstamp.until_subscribed("BTC/USD")
        while exchange.time_ms < until_ms:
            await exchange.play_until(min(until_ms, exchange.time_ms + 20_000))
        heard = {}
        while len([open_ms for open_ms in heard if joined_ms <= open_ms < last_ms]) < 20:
            bar = (await talk.closed_bars(1, "bars:crypto:bitstamp:BTC/USD:1m"))[0]["bar"]
            heard[bar["open_time_ms"]] = bar
    expected = {open_ms: row for open_ms, row in oracle.items() if joined_ms <= open_ms < last_ms}
    values = {
        open_ms: tuple(bar[key] for key in ("open_time_ms", "open", "high", "low", "close", "volume"))
        for open_ms, bar in heard.items()
        if open_ms >= joined_ms
    }
    assert values == expected
    answer = await get_json(client, f"{REST}&timeframe=1m&since={joined_ms}&until={last_ms}")
    assert [tuple(row) for row in answer["ohlcv"]] == list(expected.values())


async def test_the_first_trade_of_a_quiet_minute_is_told_at_once(client, exchange, trades):
    exchange.time_ms = trades[-1].time_ms // MINUTE_MS * MINUTE_MS + 5 * MINUTE_MS + 20_000
    async with client.websocket(WS) as connection:
        talk = Talk(connection)
        await talk.until("subscribed")
        await talk.until("status", state="live")
        await exchange.bitstamp.until_subscribed("BTC/USD")
        last = trades[-1]
        first = last._replace(id=last.id + 1, time_ms=exchange.time_ms + 1_000, price="9999.5")
        await exchange.bitstamp.push_trades("BTC/USD", [first])
        told = await talk.until("bar")
        while told["bar"]["close"] != 9999.5:
            told = await talk.until("bar")
    assert told["bar"]["state"] == "forming"
    assert told["bar"]["open_time_ms"] == first.time_ms // MINUTE_MS * MINUTE_MS


async def test_a_dropped_stream_loses_no_bar(client, exchange, trades):
    exchange.time_ms = trades[0].time_ms + 5 * MINUTE_MS
    until_ms = exchange.time_ms + 8 * MINUTE_MS
    joined_ms = exchange.time_ms // MINUTE_MS * MINUTE_MS
    topic = "bars:crypto:bitstamp:BTC/USD:1m"
    async with client.websocket(WS) as connection:
        talk = Talk(connection)
        await talk.until("snapshot")
        await exchange.bitstamp.until_subscribed("BTC/USD")
        await exchange.play_until(exchange.time_ms + 2 * MINUTE_MS)
        await talk.closed_bars(1, topic)
        await exchange.drop_sockets()
        # The exchange trades on while nobody listens.
        exchange.time_ms += 3 * MINUTE_MS
        await talk.until("status", state="stale")
        await talk.until("status", state="live")
        await exchange.bitstamp.until_subscribed("BTC/USD")
        await exchange.play_until(until_ms)
        while len([open_ms for open_ms in talk.closed_opens if open_ms >= joined_ms]) < 8:
            await talk.next()
    heard = [open_ms for open_ms in talk.closed_opens if open_ms >= joined_ms]
    last_ms = until_ms // MINUTE_MS * MINUTE_MS
    answer = await get_json(client, f"{REST}&timeframe=1m&since={joined_ms}&until={last_ms}")
    assert [row[0] for row in answer["ohlcv"]] == heard
    assert answer["gaps"] == []


async def test_a_bar_nobody_follows_closes_by_the_exchanges_clock(client, exchange, trades):
    """The trades stop in the middle of a minute: no successor comes, and the bar closes all the same."""
    exchange.time_ms = trades[0].time_ms + 3 * MINUTE_MS
    open_ms = exchange.time_ms // MINUTE_MS * MINUTE_MS
    async with client.websocket(WS.replace("1m", "1m&batch=false")) as connection:
        talk = Talk(connection)
        await talk.until("snapshot")
        await exchange.bitstamp.until_subscribed("BTC/USD")
        exchange.time_ms = open_ms + MINUTE_MS + 10_000
        # Any answer shows the exchange's new clock.
        await get_json(client, f"{REST}&timeframe=5m&limit=1")
        bar = (await talk.closed_bars(1, "bars:crypto:bitstamp:BTC/USD:1m"))[-1]["bar"]
        while bar["open_time_ms"] < open_ms:
            bar = (await talk.closed_bars(1, "bars:crypto:bitstamp:BTC/USD:1m"))[-1]["bar"]
    expected = {row[0]: row for row in fold_floats(trades, MINUTE_MS)}[open_ms]
    assert tuple(bar[key] for key in ("open_time_ms", "open", "high", "low", "close", "volume")) == expected


async def test_a_market_that_is_away_is_a_sentence_and_not_a_trace(client, exchange):
    await exchange.stop()
    async with asyncio.timeout(8):
        answer = await client.get(f"{REST}&timeframe=1h")
    assert answer.status_code in (503, 504)
    problem = json.loads(await answer.get_data())
    assert "bitstamp" in problem["detail"].casefold()


async def test_a_bar_joined_in_its_middle_is_shown_with_what_came_before(client, exchange, trades):
    """The hour has been traded for three minutes: its open, high, low and volume are the hour's own."""
    exchange.time_ms = HOUR_MS + trades[0].time_ms // HOUR_MS * HOUR_MS + 3 * MINUTE_MS
    hour_ms = exchange.time_ms // HOUR_MS * HOUR_MS
    async with client.websocket(WS.replace("1m", "1h")) as connection:
        talk = Talk(connection)
        await talk.until("snapshot")
        await exchange.bitstamp.until_subscribed("BTC/USD")
        until_ms = trades[-1].time_ms
        await exchange.play_until(until_ms)
        expected = fold_floats([trade for trade in trades if trade.time_ms >= hour_ms], HOUR_MS)[0]
        bar = {"volume": 0.0}
        # Until the deadline of the talk: what is missing never arrives.
        while bar["volume"] != pytest.approx(expected[5], rel=1e-9):
            bar = (await talk.until("bar"))["bar"]
            if bar["open_time_ms"] == hour_ms:
                assert bar["state"] == "forming"
                assert bar["open"] == expected[1]
    assert (bar["high"], bar["low"], bar["close"]) == expected[2:5]
