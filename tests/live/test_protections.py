"""What one client may cost: commands, silence, connections; each refused with its own code."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart.testing.connections import WebsocketResponseError

from blueprints import websocket
from blueprints.formats.ws_native import NATIVE
from services.live.credits import Credits, Verdict
from services.live.limits import LiveLimits
from tests.live.talk import DEADLINE_S
from tests.socket_client import SocketClosedError
from utils.accounts import Role

NATIVE_PATH = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
PATHS = ["/ws?market=simulated", "/api/v1/ws?market=simulated", NATIVE_PATH]
EMPTY_PATHS = PATHS[:2]
PATH_OF_SYMBOLS = "/ws?market=simulated"
PING = '{"type":"ping"}'


@pytest.fixture
def live(app):
    return app.extensions["accessibletrader"].live


def allow(live, **limits):
    live.limits = replace(live.limits, **limits)


async def end_of(connection, seen=None):
    """Return the code with which the server closes the connection."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                message = json.loads(await connection.receive())
            except SocketClosedError as end:
                return end.args[0]
            if seen is not None:
                seen.append(message)


@pytest.mark.parametrize("path", PATHS)
async def test_commands_that_come_too_fast_are_refused_and_then_end_the_connection(client, live, path):
    allow(live, commands_per_s=0.01, commands_burst=3, refusals_max=2)
    async with client.websocket(path) as connection:
        for _ in range(6):
            await connection.send(PING)
        seen = []
        assert await end_of(connection, seen) == 4009
    kinds = [message["type"] for message in seen]
    refused = [message for message in seen if message["type"] == "error"]
    assert kinds.count("pong") == 3
    assert [message["code"] for message in refused] == ["too_many_commands"] * 2


async def test_names_that_stand_for_nothing_count_as_commands(client, live):
    allow(live, commands_per_s=0.01, commands_burst=10, refusals_max=20)
    made_up = json.dumps({"type": "subscribe", "symbols": [f"ZQ{number}/USD" for number in range(12)]})
    async with client.websocket(PATH_OF_SYMBOLS) as connection, asyncio.timeout(DEADLINE_S):
        await connection.send(made_up)
        await connection.send(PING)
        codes = []
        while "too_many_commands" not in codes and "pong" not in codes:
            message = json.loads(await connection.receive())
            codes.append(message.get("code", message["type"]))
    assert codes.count("unknown_symbol") == 12
    assert codes[-1] == "too_many_commands"


async def test_a_pace_that_is_allowed_ends_nothing(client, live):
    allow(live, commands_per_s=1e6, commands_burst=1, refusals_max=0)
    async with client.websocket(PATHS[0]) as connection, asyncio.timeout(DEADLINE_S):
        for _ in range(50):
            await connection.send(PING)
            assert json.loads(await connection.receive())["type"] == "pong"


@given(
    st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=60),
    st.floats(0.1, 50),
    st.integers(1, 30),
)
def test_no_window_of_time_holds_more_than_a_burst_and_what_came_back(pauses_s, per_s, burst):
    limits = LiveLimits(commands_per_s=per_s, commands_burst=burst, refusals_max=10**6)
    credits_, now_s, done_s = Credits(limits, 0.0), 0.0, []
    for pause_s in pauses_s:
        now_s += pause_s
        if credits_.spend(now_s) is Verdict.DO:
            done_s.append(now_s)
    for index, start_s in enumerate(done_s):
        for count, end_s in enumerate(done_s[index:], start=1):
            assert count <= burst + (end_s - start_s) * per_s + 1e-6


def test_a_client_that_rests_is_forgiven():
    limits = LiveLimits(commands_per_s=10, commands_burst=2, refusals_max=1)
    credits_ = Credits(limits, 0.0)
    hasty = [credits_.spend(0.0) for _ in range(3)]
    assert hasty == [Verdict.DO, Verdict.DO, Verdict.REFUSE]
    assert credits_.spend(1.0) is Verdict.DO
    again = [credits_.spend(1.0) for _ in range(3)]
    assert again == [Verdict.DO, Verdict.REFUSE, Verdict.CLOSE]


@pytest.mark.parametrize("path", EMPTY_PATHS)
async def test_a_connection_that_subscribes_to_nothing_is_closed(client, live, path):
    allow(live, first_topic_s=0.01)
    async with client.websocket(path) as connection:
        assert await end_of(connection) == 3008


async def test_a_connection_with_a_topic_is_not_held_to_the_deadline(client, live):
    allow(live, first_topic_s=2.0)
    async with client.websocket(NATIVE_PATH) as connection, asyncio.timeout(DEADLINE_S):
        closed = 0
        while closed < 4:
            message = json.loads(await connection.receive())
            closed += message["type"] == "bar" and message["bar"]["state"] == "closed"


@pytest.mark.parametrize("path", PATHS)
async def test_a_binary_frame_ends_the_connection(client, path):
    async with client.websocket(path) as connection:
        await connection.send(PING.encode())
        assert await end_of(connection) == 1003


@pytest.mark.parametrize("path", PATHS)
async def test_text_that_is_never_a_command_ends_the_connection(client, live, path):
    allow(live, mistakes_max=1)
    async with client.websocket(path) as connection:
        for _ in range(2):
            await connection.send("nonsense")
        assert await end_of(connection) == 1008


async def test_a_quiet_connection_hears_heartbeats(client, live):
    allow(live, heartbeat_s=0.01)
    async with client.websocket(PATHS[0]) as connection, asyncio.timeout(DEADLINE_S):
        assert json.loads(await connection.receive())["type"] == "heartbeat"


async def test_a_connection_may_hold_only_so_many_topics(client, live, monkeypatch):
    monkeypatch.setattr(live, "_parts", replace(live._parts, topics_max=1))
    async with client.websocket(PATHS[1]) as connection, asyncio.timeout(DEADLINE_S):
        topics = ["SIMEX:BTC/USD:1S", "SIMEX:ETH/USD:1S"]
        await connection.send(json.dumps({"type": "bars.subscribe", "topics": topics}))
        while (message := json.loads(await connection.receive()))["type"] != "error":
            pass
        assert (message["code"], message["topic"]) == ("too_many_topics", topics[1])


async def test_a_fault_of_ours_is_1011_with_a_reference_that_the_log_has(client, monkeypatch, caplog):
    def fail(text):
        raise RuntimeError(text)

    monkeypatch.setattr(websocket, "NATIVE", replace(NATIVE, parse=fail))
    async with client.websocket(NATIVE_PATH) as connection:
        async with asyncio.timeout(DEADLINE_S):
            hello = json.loads(await connection.receive())
        await connection.send(PING)
        assert await end_of(connection) == 1011
    (record,) = [record for record in caplog.records if record.message == "live connection failed"]
    assert record.reference == hello["connection_id"]


@pytest.fixture
async def token(app):
    auth = app.extensions["accessibletrader"].auth
    await auth.create_user("ada", "a sentence that only I know", Role.USER)
    return (await auth.sign_in("ada", "a sentence that only I know")).access_token


@asynccontextmanager
async def connected(client, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with client.websocket(PATHS[0], headers=headers) as connection, asyncio.timeout(DEADLINE_S):
        await connection.send(PING)
        await connection.receive()
        yield connection


async def refused(client, token=None):
    with pytest.raises(WebsocketResponseError) as refusal:
        async with connected(client, token):
            pass
    return refusal.value.response.status_code


async def test_a_user_may_hold_only_so_many_connections(client, live, token):
    allow(live, per_user_max=1)
    async with connected(client, token):
        assert await refused(client, token) == 429
        async with connected(client):
            pass
    async with connected(client, token):
        pass


async def test_a_signed_in_user_counts_for_the_address_too(client, live, token):
    allow(live, per_address_max=1)
    async with connected(client, token):
        assert await refused(client) == 429
    async with connected(client):
        pass
