"""What the next holder of a topic makes of the log that the one before it left behind."""

from dataclasses import replace

import ccxt.pro  # noqa: F401 - loading it takes seconds, which no feed here should wait for
import pytest

from app import create_app
from services.live.lease import Leases
from services.live.log import LiveLog
from tests.exchange import LocalExchange, fold_floats
from tests.exchange.markets import walk
from tests.live.talk import Talk
from utils.domain import MINUTE_MS, Bar, BarState, Instrument, Timeframe, Topic

START_MS = 1_700_000_040_000
TOPIC = Topic(Instrument("crypto", "bitstamp", "BTC/USD"), Timeframe.parse("1m"))
WS = "/ws/subscribe?market=crypto&exchange=bitstamp&symbols=BTC/USD&timeframe=1m"


@pytest.fixture
async def exchange():
    async with LocalExchange(time_ms=START_MS + 10 * MINUTE_MS) as exchange:
        exchange.bitstamp.hold_trades("BTC/USD", walk(200, start_ms=START_MS + 1_000))
        yield exchange


@pytest.fixture
async def client(config, exchange):
    app = create_app(replace(config, crypto_endpoint=exchange.endpoint, crypto_exchanges="bitstamp"))
    async with app.test_app():
        yield app.test_client()


async def test_a_bar_whose_holder_died_before_any_close_is_closed_by_the_next(client, exchange, redis):
    """The log knows one forming bar and no close; five minutes later somebody feeds the topic again."""
    formed_ms = START_MS + 4 * MINUTE_MS
    leases, log = Leases(redis), LiveLog(redis)
    assert await leases.take(TOPIC)
    oracle = {row[0]: row for row in fold_floats(walk(200, start_ms=START_MS + 1_000), MINUTE_MS)}
    position = await log.append(TOPIC, Bar(*oracle[formed_ms], BarState.FORMING), token=leases.token)
    await leases.release(TOPIC)
    async with client.websocket(f"{WS}&since={position.epoch},{position.offset}") as connection:
        talk = Talk(connection)
        assert (await talk.until("subscribed"))["recovered"] is True
        await talk.closed_bars(5, TOPIC.text)
    assert talk.closed_opens == [formed_ms + number * MINUTE_MS for number in range(5)]


async def test_a_hole_too_long_to_be_told_is_said_and_not_passed_over(client, exchange, redis):
    """A client comes back with a good position, but for six hundred bars nobody fed the topic."""
    leases, log = Leases(redis), LiveLog(redis)
    assert await leases.take(TOPIC)
    old = Bar(START_MS - 600 * MINUTE_MS, 1.0, 2.0, 0.5, 1.5, 1.0, BarState.CLOSED)
    position = await log.append(TOPIC, old, token=leases.token)
    await leases.release(TOPIC)
    async with client.websocket(f"{WS}&since={position.epoch},{position.offset}") as connection:
        talk = Talk(connection)
        assert (await talk.until("subscribed"))["recovered"] is True
        resync = await talk.next()
        assert resync["type"] == "resync"
        assert resync["epoch"] != position.epoch
        snapshot = await talk.next()
        assert snapshot["type"] == "snapshot"
        # What the new log had not said yet comes after the snapshot.
        told = [bar["open_time_ms"] for bar in snapshot["bars"]]
        while START_MS + 9 * MINUTE_MS not in told:
            told.append((await talk.until("bar"))["bar"]["open_time_ms"])
