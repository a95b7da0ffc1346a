"""Connections that end are free at once: what waits for the collector is memory, and a pause for all."""

from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.attack import watched_app
from tests.embedded.processes import wait_for
from tests.launcher.conftest import Service

WATCHED = Path(watched_app.__file__)
CONNECTIONS = 40
# Each once left 240 as a listener and 32 as a reader; what is left now are the closures of one gathering.
OBJECTS_EACH_MAX = 15
# What else goes on in a worker leaves some: a feed that ends, a check of the exchanges.
OBJECTS_OF_OTHERS = 400
LISTENING = "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD,ETH/USD&timeframe=1s"
READING = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=20"


async def come_and_go(service: Service) -> None:
    for _ in range(CONNECTIONS):
        async with aiohttp.ClientSession(service.url) as http:
            async with http.get(READING) as answer:
                assert answer.status == 200
            async with http.ws_connect(LISTENING) as listener:
                told = [(await listener.receive_json(timeout=20))["type"] for _ in range(4)]
                assert "snapshot" in told


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
async def test_connections_that_have_ended_wait_for_no_collector(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(WATCHED, SERVER=server, RATE_LIMIT_PER_MINUTE="100000", **beside)
    await come_and_go(service)
    tasks = service.get("/held")["tasks"]
    service.get("/left-over")

    await come_and_go(service)
    wait_for(lambda: service.get("/held")["tasks"] <= tasks + 4, timeout_s=20, what="the tasks of before")

    assert service.get("/left-over")["objects"] <= OBJECTS_OF_OTHERS + CONNECTIONS * OBJECTS_EACH_MAX
