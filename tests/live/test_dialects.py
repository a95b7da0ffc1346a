"""The dialects of charts and of tickers end to end: the real app, the simulated market, a real log."""

import asyncio
import json

import pytest

from blueprints.formats import ws_prices, ws_topics_models
from tests.live.talk import DEADLINE_S, Talk
from utils.domain import DAY_MS

TOPICS_PATH = "/api/v1/ws?market=simulated"
PRICES_PATH = "/ws?market=simulated"
CHART = "SIMEX:BTC/USD:1S"
OWN = "bars:simulated:simex:ETH/USD:1s"


class Listener(Talk):
    """Speak one of the two dialects; every message is held to its model."""

    def __init__(self, connection, outgoing):
        super().__init__(connection)
        self._outgoing = outgoing

    async def next(self):
        async with asyncio.timeout(DEADLINE_S):
            message = json.loads(await self._connection.receive())
        self._outgoing.validate_python(message, strict=True)
        return message

    async def until(self, kind, **facts):
        # The other messages never stop, so the whole wait needs a deadline too.
        async with asyncio.timeout(DEADLINE_S):
            return await super().until(kind, **facts)


@pytest.fixture
async def charts(client):
    async with client.websocket(TOPICS_PATH) as connection:
        yield Listener(connection, ws_topics_models.OUTGOING)


@pytest.fixture
async def ticker(client):
    async with client.websocket(PRICES_PATH) as connection:
        yield Listener(connection, ws_prices.OUTGOING)


async def test_a_chart_gets_a_snapshot_and_then_bars_that_close(client, charts):
    await charts.say(type="bars.subscribe", topic=CHART)
    subscribed = await charts.next()
    assert (subscribed["type"], subscribed["topic"]) == ("bars.subscribed", CHART)
    assert (subscribed["symbol"], subscribed["timeframe"]) == ("BTC/USD", "1s")
    snapshot = await charts.next()
    assert (snapshot["type"], snapshot["topic"]) == ("bars.snapshot", CHART)
    closed, sequences = [], []
    while len(closed) < 3:
        message = await charts.next()
        sequences.append(message["sequence"])
        if message["type"] == "bars.update" and message["closed"]:
            closed.append(message["bar"])
    assert sequences == list(range(1, len(sequences) + 1))
    answer = await client.get(
        "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1s"
        f"&since={closed[0]['time']}&until={closed[-1]['time'] + 1_000}"
    )
    assert (await answer.get_json())["ohlcv"] == [list(bar.values()) for bar in closed]


async def test_topics_come_and_go_by_the_names_that_the_client_gave_them(charts):
    await charts.say(type="bars.subscribe", topics=[CHART, OWN])
    for name in (CHART, OWN):
        await charts.until("bars.subscribed", topic=name)
        await charts.until("bars.update", topic=name)
    await charts.say(type="bars.unsubscribe", topic=CHART)
    await charts.until("bars.unsubscribed", topic=CHART)
    for _ in range(3):
        assert (await charts.next())["topic"] == OWN
    await charts.say(type="bars.unsubscribe", topic=CHART, id="gone")
    assert (await charts.until("error", id="gone", topic=CHART))["code"] == "not_subscribed"


async def test_of_several_topics_the_wrong_one_alone_fails(charts):
    wrong = "SIMEX:BTC/EURO:1S"
    await charts.say(type="bars.subscribe", topics=[wrong, CHART], id="a")
    error = await charts.until("error", id="a")
    assert (error["topic"], error["code"]) == (wrong, "unknown_symbol")
    await charts.until("bars.update", topic=CHART)


async def test_one_topic_under_two_names_is_one_subscription(charts):
    await charts.say(type="bars.subscribe", topics=[CHART, "bars:simulated:simex:BTC/USD:1s"], id="a")
    assert (await charts.until("error", id="a"))["code"] == "subscribed_already"
    await charts.until("bars.update", topic=CHART)


async def test_a_ticker_gets_the_price_with_the_change_of_the_day(client, ticker):
    await ticker.say(type="subscribe", symbols=["BTC/USD"])
    subscribed = await ticker.next()
    assert subscribed == {
        "type": "subscribed",
        "symbols": ["BTC/USD"],
        "market": "simulated",
        "exchange": "simex",
    }
    first = await ticker.next()
    assert first["type"] == "price_update"
    news = [await ticker.until("price_update", symbol="BTC/USD") for _ in range(2)]
    assert news[0]["timestamp"] < news[1]["timestamp"]
    day_ms = news[0]["timestamp"] // DAY_MS * DAY_MS
    path = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1d"
    bars = (await (await client.get(f"{path}&since={day_ms}")).get_json())["ohlcv"]
    opened = bars[0][1]
    assert news[0]["price"] == pytest.approx(opened + news[0]["change"], abs=1e-9)
    assert news[0]["change_percent"] == pytest.approx(news[0]["change"] / opened * 100, abs=1e-4)


async def test_symbols_end_and_errors_name_them(ticker):
    await ticker.say(type="subscribe", symbols=["BTC/USDD", "ETH/USD"], id="a")
    error = await ticker.until("error", id="a")
    assert error["symbol"] == "BTC/USDD"
    assert "BTC/USD" in error["detail"]
    await ticker.until("price_update", symbol="ETH/USD")
    await ticker.say(type="unsubscribe", symbols=["ETH/USD"])
    await ticker.until("unsubscribed", symbols=["ETH/USD"])
    await ticker.say(type="ping", id="p")
    assert (await ticker.next())["type"] == "pong"


async def test_plain_symbols_are_looked_for_at_the_default_venue(client):
    async with client.websocket("/ws") as connection:
        ticker = Listener(connection, ws_prices.OUTGOING)
        # The crypto market has no exchange of the simulation: the default was taken for the one not named.
        await ticker.say(type="subscribe", symbols=["BTC/USD"], id="a")
        assert (await ticker.until("error", id="a"))["symbol"] == "BTC/USD"


@pytest.mark.parametrize("path", [TOPICS_PATH, PRICES_PATH])
async def test_a_stopping_server_says_so_in_every_dialect(app, client, path):
    async with client.websocket(path) as connection:
        talk = Listener(connection, ws_topics_models.OUTGOING)
        await talk.say(type="ping")
        await talk.until("pong")
        draining = asyncio.create_task(app.extensions["accessibletrader_drain"]())
        assert (await talk.until("server_shutdown"))["retry_ms"] >= 1_000
        await draining
