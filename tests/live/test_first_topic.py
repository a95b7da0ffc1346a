"""A first topic that takes long: who asked for one is not told to have asked for nothing."""

import asyncio
import json
from dataclasses import replace

import pytest

from services.live.snapshot import Snapshots
from tests.live.talk import DEADLINE_S
from tests.socket_client import SocketClosedError
from utils.errors import AppError, NotFound, Unavailable

DIALECTS = {
    "/ws?market=simulated": {"type": "subscribe", "symbols": ["BTC/USD"]},
    "/api/v1/ws?market=simulated": {"type": "bars.subscribe", "topics": ["SIMEX:BTC/USD:1S"]},
    "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s": None,
}
FIRST_TOPIC_S = 0.5


class LongSnapshots(Snapshots):
    """Snapshots that take longer than a first topic may be waited for, or come to nothing."""

    error: AppError | None = None

    async def bars_at(self, topic, position):
        await asyncio.sleep(FIRST_TOPIC_S * 2)
        if self.error is not None:
            raise self.error
        return await super().bars_at(topic, position)


@pytest.fixture
async def snapshots(app):
    live = app.extensions["accessibletrader"].live
    live.limits = replace(live.limits, first_topic_s=FIRST_TOPIC_S)
    known = live._parts.snapshots
    slow = LongSnapshots(known._log, known._read_stored, app.extensions["accessibletrader"].clock)
    live._parts = replace(live._parts, snapshots=slow)
    yield slow
    await known.close()


async def told(connection, count):
    """Return the next messages, and the code of the close if one comes before."""
    heard = []
    async with asyncio.timeout(DEADLINE_S):
        while len(heard) < count:
            try:
                heard.append(json.loads(await connection.receive()))
            except SocketClosedError as end:
                return heard, end.args[0]
    return heard, None


@pytest.mark.parametrize("path", DIALECTS)
async def test_a_topic_that_is_being_worked_on_is_waited_for(client, snapshots, path):
    async with client.websocket(path) as connection:
        if DIALECTS[path] is not None:
            await connection.send(json.dumps(DIALECTS[path]))
        # However long it takes, prices come, and go on coming.
        heard, code = await told(connection, 5)
    assert code is None, heard


@pytest.mark.parametrize(
    ("error", "code"), [(NotFound("Nobody knows it.", code="x"), 3008), (Unavailable("Not now."), 1013)]
)
@pytest.mark.parametrize("path", DIALECTS)
async def test_one_that_comes_to_nothing_is_refused_before_the_close(client, snapshots, path, error, code):
    snapshots.error = error
    async with client.websocket(path) as connection:
        if DIALECTS[path] is not None:
            await connection.send(json.dumps(DIALECTS[path]))
        heard, closed = await told(connection, 5)
    assert closed == code
    assert heard[-1]["type"] == "error"
