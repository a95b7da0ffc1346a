"""Whatever a client sends, it is answered or closed with a code that says why."""

import asyncio
import json
from collections.abc import Callable

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blueprints.formats import ws_native, ws_prices, ws_topics
from services.live.dialect import Ping, Subscribe, Unsubscribe
from tests.launcher.conftest import APP, Service
from utils.errors import MalformedRequest

SEQUENCES = 300
DEADLINE_S = 20
# Unsupported, policy, too large, nothing subscribed, too slow, too many: each says what the client did.
TELLING_CODES = {1003, 1007, 1008, 1009, 3008, 4008, 4009}
PATHS = (
    "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s",
    "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s&batch=true",
    "/ws",
    "/api/v1/ws",
)

words = st.sampled_from(
    [
        *(
            "type",
            "id",
            "symbol",
            "symbols",
            "topic",
            "topics",
            "since",
            "epoch",
            "offset",
            "timeframe",
            "market",
        ),
        *("subscribe", "unsubscribe", "resume", "ping", "bars.subscribe", "bars.unsubscribe", "preferences"),
        *(
            "BTC/USD",
            "ETH/USD",
            "SIMEX:BTC/USD:1S",
            "bars:simulated:simex:BTC/USD:1s",
            "1s",
            "1m",
            "simulated",
        ),
        *("simex", "0-0", "1-1", "99999999999999999999-0", "\x00", "\ud800", "é" * 200),
    ]
)
numbers = st.integers() | st.floats()
leaves = st.none() | st.booleans() | numbers | words | st.text(max_size=20)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=12,
)
commands = st.builds(
    lambda kind, rest: {"type": kind, **rest},
    st.sampled_from(["subscribe", "unsubscribe", "resume", "ping", "bars.subscribe", "bars.unsubscribe"]),
    st.fixed_dictionaries(
        {},
        optional={
            "id": leaves,
            "symbol": words,
            "symbols": st.lists(words, max_size=4),
            "topic": words,
            "topics": st.lists(words, max_size=4),
            "timeframe": words,
            "market": words,
            "exchange": words,
            "since": st.fixed_dictionaries({"epoch": words, "offset": words}),
        },
    ),
)
texts = (
    st.text(max_size=200)
    | (values | commands).map(json.dumps)
    | (values | commands).map(lambda value: json.dumps(value, ensure_ascii=False))
)
depths = st.integers(1, 60_000).map(lambda depth: "[" * depth)


@pytest.mark.parametrize("dialect", [ws_native, ws_topics, ws_prices], ids=lambda each: each.__name__)
@given(text=texts | depths)
@settings(max_examples=1_000)
def test_any_text_is_a_command_or_malformed(dialect, text: str) -> None:
    try:
        command = dialect.parse(text)
    except MalformedRequest as error:
        command = error
    assert isinstance(command, Ping | Subscribe | Unsubscribe | MalformedRequest)


sendable = texts.map(lambda text: text.encode(errors="replace").decode())
# Fewer than a connection may get wrong: it must live to answer the ping behind them.
frames_of_text = st.lists(sendable, max_size=5)
endings = st.none() | st.binary(max_size=50) | st.just("x" * 70_000) | st.just("{")


async def converse(url: str, path: str, frames: list[str], ending: str | bytes | None) -> int | None:
    """Send the frames and hear the answer to a ping behind them; then send what must end the connection.

    Returns the code with which it ended, None when we ended it.
    """
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession(url) as session:
        async with session.ws_connect(path) as socket:
            for frame in frames:
                await socket.send_str(frame)
            await socket.send_str('{"type":"ping","id":"the last"}')
            if not await heard(socket, '"the last"') or ending is None:
                return socket.close_code
            if isinstance(ending, bytes):
                await socket.send_bytes(ending)
            else:
                await socket.send_str(ending)
            while await heard(socket, '"error"'):
                await socket.send_str(ending)
        return socket.close_code


async def heard(socket: aiohttp.ClientWebSocketResponse, words: str) -> bool:
    async for message in socket:
        if words in message.data:
            return True
    return False


def test_no_sequence_of_frames_ends_a_connection_without_a_reason(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    service = launch(APP, RATE_LIMIT_PER_MINUTE="1000000", WS_MAX_PER_ADDRESS="1000", **beside)
    codes: set[int | None] = set()
    with asyncio.Runner() as runner:

        @given(path=st.sampled_from(PATHS), frames=frames_of_text, ending=endings)
        @settings(
            max_examples=SEQUENCES,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        def every_sequence(path: str, frames: list[str], ending: str | bytes | None) -> None:
            code = runner.run(converse(service.url, path, frames, ending))
            codes.add(code)
            assert code in TELLING_CODES if ending is not None else code is None

        every_sequence()
    assert codes >= {None, 1003, 1008, 1009}
    assert service.stop() == 0
    assert "Traceback" not in service.complained
