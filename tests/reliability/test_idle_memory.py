"""What a listener who only listens costs a worker in memory. What was seen is printed: run it with ``-s``."""

import asyncio
import sys
from collections.abc import Callable

import aiohttp
import pytest

from app_extensions.process_files import use_of
from tests.embedded.processes import command_of, descendants
from tests.launcher.conftest import APP, Service

KIB = 1024
KIB_MAX = 48
# Of fewer, what else a worker takes meanwhile would be the larger part.
LISTENERS, WARM = 1_000, 200
START_S = 120
# The live bars of an hour: nothing but a heartbeat is said while it is measured.
QUERY = {"market": "simulated", "symbols": "BTC/USD", "timeframe": "1h"}


def resident_bytes(service: Service) -> int:
    (worker,) = [pid for pid in descendants(service.process.pid) if "--worker" in command_of(pid)]
    use = use_of(worker)
    assert use is not None
    return use.resident_bytes


async def join(http: aiohttp.ClientSession, count: int) -> list[aiohttp.ClientWebSocketResponse]:
    sockets = []
    async with asyncio.timeout(START_S):
        for _ in range(count):
            socket = await http.ws_connect("/ws/subscribe", params=QUERY)
            while (await socket.receive_json())["type"] != "snapshot":
                pass
            sockets.append(socket)
    return sockets


@pytest.mark.long
async def test_one_of_a_thousand_idle_listeners_takes_no_more_than_it_did(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    plenty = {"RATE_LIMIT_PER_MINUTE": "100000", "WS_MAX_PER_ADDRESS": "10000", "JOBS": "apart"}
    service = launch(APP, **plenty, **beside)
    async with aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=0)) as http:
        # The first ones bring what is loaded once.
        sockets = await join(http, WARM)
        before = resident_bytes(service)
        sockets += await join(http, LISTENERS)
        each_kib = (resident_bytes(service) - before) / LISTENERS / KIB
        sys.stdout.write(f"{LISTENERS} listeners take {each_kib:.1f} KiB each\n")
        async with asyncio.timeout(START_S):
            await asyncio.gather(*(socket.close() for socket in sockets))
    assert each_kib <= KIB_MAX
