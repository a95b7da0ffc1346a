"""The native dialect end to end: the real app, the simulated market, a real log."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from quart.testing.connections import WebsocketResponseError

from blueprints.formats.ws_native_models import OUTGOING
from services.live import feed_keeper
from tests.live.talk import DEADLINE_S, Talk

BTC = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
TOPIC = "bars:simulated:simex:BTC/USD:1s"


@asynccontextmanager
async def talking(client, path, **options):
    async with client.websocket(path, **options) as connection:
        yield Talk(connection)


async def history(client, start_ms, end_ms, symbol="BTC/USD", timeframe="1s"):
    answer = await client.get(
        f"/market/fetch_ohlcv?market=simulated&exchange=simex&symbol={symbol}&timeframe={timeframe}"
        f"&since={start_ms}&until={end_ms}"
    )
    assert answer.status_code == 200
    return (await answer.get_json())["ohlcv"]


def row(bar):
    return [bar[key] for key in ("open_time_ms", "open", "high", "low", "close", "volume")]


async def test_a_connection_is_greeted_then_placed_then_shown_the_newest_bars(client):
    async with talking(client, BTC) as talk:
        assert (await talk.next())["type"] == "hello"
        subscribed = await talk.next()
        assert (subscribed["type"], subscribed["topic"], subscribed["recovered"]) == (
            "subscribed",
            TOPIC,
            False,
        )
        snapshot = await talk.next()
        assert snapshot["type"] == "snapshot"
        assert [bar["open_time_ms"] for bar in snapshot["bars"]] == sorted(
            bar["open_time_ms"] for bar in snapshot["bars"]
        )
        assert snapshot["bars"]


async def test_live_bars_equal_history_value_for_value(client):
    async with talking(client, BTC) as talk:
        closed = [message["bar"] for message in await talk.closed_bars(4, TOPIC)]
    start_ms, end_ms = closed[0]["open_time_ms"], closed[-1]["open_time_ms"] + 1_000
    assert await history(client, start_ms, end_ms) == [row(bar) for bar in closed]


async def test_bars_form_before_they_close(client):
    async with talking(client, BTC.replace("1s", "5s")) as talk:
        states = {}
        while "closed" not in [state for seen in states.values() for state in seen[1:]]:
            bar = (await talk.until("bar"))["bar"]
            states.setdefault(bar["open_time_ms"], []).append(bar["state"])
        for seen in states.values():
            assert "closed" not in seen[:-1]


async def test_several_symbols_share_a_connection(client):
    async with talking(client, BTC.replace("BTC/USD", "BTC/USD,ETH/USD")) as talk:
        for symbol in ("BTC/USD", "ETH/USD"):
            await talk.until("subscribed", symbol=symbol)
        assert await talk.closed_bars(1, TOPIC)
        assert await talk.closed_bars(1, TOPIC.replace("BTC", "ETH"))


async def test_a_client_that_comes_back_gets_exactly_what_it_missed(client):
    async with talking(client, BTC) as watching:
        async with talking(client, BTC) as talk:
            epoch = (await talk.until("subscribed"))["epoch"]
            seen = (await talk.closed_bars(1, TOPIC))[-1]
        missed = [m for m in await watching.closed_bars(4, TOPIC) if m["offset"] != seen["offset"]]
        missed = [m["bar"] for m in missed if m["bar"]["open_time_ms"] > seen["bar"]["open_time_ms"]]
        async with talking(client, f"{BTC}&since={epoch},{seen['offset']}") as talk:
            subscribed = await talk.until("subscribed")
            assert subscribed["recovered"] is True
            assert subscribed["offset"] == seen["offset"]
            again = [message["bar"] for message in await talk.closed_bars(len(missed), TOPIC)]
        assert missed
        assert again == missed


async def test_a_position_that_means_nothing_here_is_answered_by_a_snapshot(client):
    async with talking(client, f"{BTC}&since=12345,1-1") as talk:
        assert (await talk.until("subscribed"))["recovered"] is False
        await talk.until("snapshot")


async def test_commands_subscribe_and_end_topics(client):
    async with talking(client, BTC) as talk:
        await talk.say(type="subscribe", symbol="ETH/USD", id="a")
        await talk.until("subscribed", symbol="ETH/USD", timeframe="1s")
        await talk.say(type="subscribe", symbol="ETH/USD", id="b")
        assert (await talk.until("error", id="b"))["code"] == "subscribed_already"
        await talk.say(type="unsubscribe", topic=TOPIC)
        await talk.until("unsubscribed", topic=TOPIC)
        await talk.say(type="unsubscribe", topic=TOPIC, id="c")
        assert (await talk.until("error", id="c"))["code"] == "not_subscribed"
        await talk.say(type="ping", id="d")
        await talk.until("pong", id="d")


@pytest.mark.parametrize(
    "command",
    ["{", "[]", '{"type":"dance"}', '{"type":"subscribe"}', '{"type":"ping","id":"a","id":"b"}', "7"],
)
async def test_a_command_that_cannot_be_read_is_answered_with_a_sentence(client, command):
    async with client.websocket(BTC) as connection:
        talk = Talk(connection)
        await connection.send(command)
        error = await talk.until("error")
        assert error["detail"].endswith(".")
        await talk.say(type="ping")
        await talk.until("pong")


async def test_an_unknown_symbol_by_command_names_the_near_miss(client):
    async with talking(client, BTC) as talk:
        await talk.say(type="subscribe", symbol="ETH/USDD", id="x")
        assert "ETH/USD" in (await talk.until("error", id="x"))["detail"]


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/ws/subscribe", 422, "symbols"),
        (BTC.replace("simulated", "simulatd"), 404, "simulated"),
        (BTC.replace("BTC/USD", "BTC/USX"), 404, "BTC/USD"),
        (BTC.replace("1s", "7m"), 422, "minutes"),
        (BTC.replace("1s", "soon"), 422, "timeframe"),
        (BTC + "&since=now", 422, "since"),
        (BTC + "&symbol=BTC/USD", 422, "symbols"),
        (BTC + "&timeframe=1m", 422, "timeframe"),
    ],
)
async def test_a_bad_address_is_refused_before_the_socket_opens(client, path, status, word):
    with pytest.raises(WebsocketResponseError) as refusal:
        async with client.websocket(path) as connection:
            await connection.receive()
    assert refusal.value.response.status_code == status
    problem = json.loads(await refusal.value.response.get_data())
    assert word in problem["detail"]


async def test_the_last_listener_gone_ends_the_feed(app, client, monkeypatch):
    live = app.extensions["accessibletrader"].live
    monkeypatch.setattr(live._parts.feeds, "_linger_s", 0.0)
    async with talking(client, BTC) as talk:
        await talk.closed_bars(1, TOPIC)
        assert [topic.text for topic in live.feeds] == [TOPIC]
    async with asyncio.timeout(DEADLINE_S):
        while live.feeds or live.connections:  # noqa: ASYNC110 - nothing tells of the end of a feed
            await asyncio.sleep(0.01)
    assert feed_keeper.LINGER_S > 0


async def test_an_address_may_hold_only_so_many_connections(app, client):
    live = app.extensions["accessibletrader"].live
    live.limits = replace(live.limits, per_address_max=1)
    async with talking(client, BTC) as talk:
        await talk.until("subscribed")
        with pytest.raises(WebsocketResponseError) as refusal:
            async with client.websocket(BTC) as connection:
                await connection.receive()
    assert refusal.value.response.status_code == 429


async def test_a_page_of_another_origin_is_refused_and_a_terminal_is_not(client):
    with pytest.raises(WebsocketResponseError) as refusal:
        async with client.websocket(BTC, headers={"Origin": "https://evil.example"}) as connection:
            await connection.receive()
    assert refusal.value.response.status_code == 403
    async with talking(client, BTC) as talk:
        assert (await talk.next())["type"] == "hello"


async def test_a_stopping_server_says_so_before_it_closes(app, client):
    async with client.websocket(BTC) as connection:
        talk = Talk(connection)
        await talk.until("subscribed")
        draining = asyncio.create_task(app.extensions["accessibletrader_drain"]())
        shutdown = await talk.until("server_shutdown")
        assert shutdown["retry_ms"] >= 1_000
        await draining
    assert app.extensions["accessibletrader"].live.connections == 0


async def test_everything_pending_comes_in_one_frame_on_request(client):
    async with client.websocket(BTC + "&batch=true") as connection:
        async with asyncio.timeout(DEADLINE_S):
            frames = [json.loads(await connection.receive()) for _ in range(4)]
        for frame in frames:
            assert isinstance(frame, list)
            for message in frame:
                OUTGOING.validate_python(message)
        assert [message["type"] for message in frames[0]] == ["hello"]
        assert frames[1][0]["type"] == "subscribed"
