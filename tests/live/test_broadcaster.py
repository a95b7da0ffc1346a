"""The settings of the simulated broadcaster, in the real app."""

import asyncio
import json
from dataclasses import replace

import pytest
from quart.testing.connections import WebsocketResponseError

from app import create_app
from services.live.broadcaster import BarBroadcaster, BroadcastCounters
from tests.live.talk import DEADLINE_S, Talk
from utils.domain import Instrument, Timeframe, Topic
from utils.errors import NotFound

PATH = "/ws/subscribe?market=simulated"


@pytest.fixture
async def serving(config):
    """Return a function that serves with other settings of the broadcaster."""
    contexts = []

    async def serve(**settings):
        app = create_app(replace(config, **settings))
        context = app.test_app()
        await context.__aenter__()
        contexts.append(context)
        return app

    yield serve
    for context in contexts:
        await context.__aexit__(None, None, None)


async def refusal_of(app, path):
    with pytest.raises(WebsocketResponseError) as refusal:
        async with app.test_client().websocket(path) as connection:
            await connection.receive()
    return refusal.value.response.status_code, json.loads(await refusal.value.response.get_data())


async def test_a_broadcaster_switched_off_broadcasts_nothing_and_keeps_history(serving):
    app = await serving(bar_broadcaster_enabled=False)
    status, problem = await refusal_of(app, f"{PATH}&symbols=BTC/USD")
    assert (status, problem["code"]) == (404, "not_broadcast")
    path = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1m&limit=3"
    assert (await app.test_client().get(path)).status_code == 200


async def test_only_the_listed_symbols_and_resolutions_are_broadcast(serving):
    app = await serving(bar_broadcaster_symbols=("BTC/USD",), bar_broadcaster_resolutions=("1", "1h"))
    for asked, offered in (("symbols=SOL/USD", "BTC/USD"), ("symbols=BTC/USD&timeframe=5s", "1m, 1h")):
        status, problem = await refusal_of(app, f"{PATH}&{asked}")
        assert (status, problem["code"]) == (404, "not_broadcast")
        assert offered in problem["detail"]
    async with app.test_client().websocket(f"{PATH}&symbols=BTC/USD") as connection:
        await Talk(connection).until("bar")


async def test_nothing_is_sent_until_somebody_listens_and_then_it_is_counted(serving):
    app = await serving()
    counters = app.extensions["accessibletrader"].live.broadcaster.counters
    assert counters == BroadcastCounters(0, 0, 0)
    async with app.test_client().websocket(f"{PATH}&symbols=BTC/USD&timeframe=1s") as connection:
        talk = Talk(connection)
        await talk.closed_bars(2, "bars:simulated:simex:BTC/USD:1s")
        assert counters.sent >= 2
        assert counters.failed == 0


async def test_a_longer_interval_skips_what_is_overtaken(serving):
    app = await serving(bar_broadcaster_interval=3600)
    counters = app.extensions["accessibletrader"].live.broadcaster.counters
    async with (
        app.test_client().websocket(f"{PATH}&symbols=BTC/USD&timeframe=5s") as connection,
        asyncio.timeout(DEADLINE_S),
    ):
        states = []
        # The first closes may come from before; what counts are versions of a bar that ran meanwhile.
        while states.count("closed") < 2 or counters.skipped < 3:
            message = json.loads(await connection.receive())
            if message["type"] == "bar":
                states.append(message["bar"]["state"])
    # One version of a running bar at the beginning, and none for an hour; closes are told at once.
    assert states.count("forming") <= 1


async def test_a_log_that_cannot_be_written_is_counted(serving, redis):
    app = await serving()
    counters = app.extensions["accessibletrader"].live.broadcaster.counters
    topic = "bars:simulated:simex:BTC/USD:1s"
    async with app.test_client().websocket(f"{PATH}&symbols=BTC/USD&timeframe=1s") as connection:
        await Talk(connection).closed_bars(1, topic)
        # Somebody else holds the topic now, so the script that appends refuses.
        await redis.set(f"live:{{{topic}}}:lease", "somebody else")
        async with asyncio.timeout(DEADLINE_S):
            while not counters.failed:  # noqa: ASYNC110 - nothing tells of a count
                await asyncio.sleep(0.01)


def topic(market="simulated", symbol="BTC/USD", timeframe="1m"):
    return Topic(Instrument(market, "simex", symbol), Timeframe.parse(timeframe))


def test_other_markets_are_let_alone():
    broadcaster = BarBroadcaster.parse(enabled=False, interval_s=60, symbols=(), resolutions=())
    broadcaster.check(topic("crypto"))
    assert broadcaster.pace_of(topic("crypto")).forming_every_ms == 200
    assert broadcaster.pace_of(topic("crypto")).counters is not broadcaster.counters
    assert broadcaster.pace_of(topic()).forming_every_ms == 60_000
    assert broadcaster.pace_of(topic()).counters is broadcaster.counters


def test_a_resolution_may_be_written_as_charts_write_it():
    broadcaster = BarBroadcaster.parse(enabled=True, interval_s=1, symbols=("*",), resolutions=("60", "1D"))
    broadcaster.check(topic(timeframe="1h"))
    broadcaster.check(topic(timeframe="1d"))
    with pytest.raises(NotFound, match=r"1m of the simulated market.* 1h, 1d"):
        broadcaster.check(topic())
