"""Stopping while clients are there, on both servers."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable

import aiohttp
import pytest

from tests.embedded.processes import descendants, wait_for, watching
from tests.launcher.conftest import APP, Service
from tests.launcher.test_launcher import workers_of

both_servers = pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
DEADLINE_S = 30


async def until_under_way(service: Service, requests: int) -> None:
    """Wait until the two workers together answer so many slow requests."""
    seen: dict[int, int] = {}
    while len(seen) < 2 or sum(seen.values()) < requests:
        # On a connection of its own, which either worker may take.
        health = await asyncio.to_thread(service.get, "/health")
        seen[health["worker"]] = health["under_way"]


def gone(service: Service) -> asyncio.Future:
    return asyncio.get_running_loop().run_in_executor(None, service.exit_code)


@both_servers
async def test_requests_are_finished_and_websockets_closed_with_1012_and_a_sentence(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(SERVER=server, WORKERS="2", **beside)
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession(service.url) as session:
        slow = [asyncio.create_task(session.get("/slow")) for _ in range(4)]
        sockets = [await session.ws_connect("/polite") for _ in range(20)]
        for client in sockets:
            assert (await client.receive()).data == "hello"
        await until_under_way(service, len(slow))
        service.process.send_signal(signal.SIGTERM)
        for client in sockets:
            ending = await client.receive()
            assert (ending.type, ending.data, ending.extra) == (
                aiohttp.WSMsgType.CLOSE,
                1012,
                "The service restarts. Connect again.",
            )
        for answer in await asyncio.gather(*slow):
            assert answer.status == 200
            assert await answer.json() == {"finished": True}
        assert await gone(service) == 0


@both_servers
async def test_the_service_says_goodbye_to_its_live_clients(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(APP, SERVER=server, **beside)
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession(service.url) as session:
        client = await session.ws_connect("/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD")
        assert (await client.receive()).type is aiohttp.WSMsgType.TEXT
        service.process.send_signal(signal.SIGTERM)
        said = [message async for message in client]
        assert '"server_shutdown"' in said[-1].data
        assert client.close_code == 1012
        assert await gone(service) == 0


@both_servers
async def test_new_connections_are_refused_as_soon_as_no_worker_takes_them(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(SERVER=server, TINY_HURRIES="yes", **beside)

    def refused() -> bool:
        # Only who is refused knows at once to go elsewhere.
        with contextlib.suppress(ConnectionResetError), socket.socket() as probe:
            return probe.connect_ex(service.address) == errno.ECONNREFUSED
        return False

    with service.begin("/endless"):
        assert service.get("/health")["worker"]
        service.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(wait_for, refused, timeout_s=DEADLINE_S, what="a refusal")
        # The request that never ends still keeps it.
        assert workers_of(service)
        assert await gone(service) == 0


@both_servers
async def test_nobody_can_hold_up_the_stop(
    launch: Callable[..., Service], beside: dict[str, str], server: str, loop_library: dict[str, str]
) -> None:
    # The app does not drain, a request never ends, one websocket never reads and another never leaves. From
    # Python 3.12 on, asyncio's own loop would wait for all of them.
    service = launch(SERVER=server, TINY_DRAINS="no", TINY_HURRIES="yes", **beside, **loop_library)
    loop = asyncio.get_running_loop()
    with (
        service.begin("/endless"),
        service.ask(service.upgrade("/flood")),
        service.ask(service.upgrade("/deaf")),
        watching(descendants(service.process.pid)) as still_running_after,
    ):
        assert service.get("/health")["worker"]
        began = loop.time()
        assert service.stop() == 0
        assert loop.time() - began < 10
        assert still_running_after(0.5) == []
    assert "did not stop within" not in service.said
    if server == "hypercorn":  # uvicorn logs each request it had to cut, with its stack
        assert "Traceback" not in service.complained
