"""SIGTERM while two hundred live clients listen and twenty requests are under way."""

import asyncio
import json
import signal
from collections.abc import Callable

import aiohttp
import pytest

from tests.launcher.conftest import APP, Service

SOCKETS, REQUESTS = 200, 20
STARTING_S, EXIT_S = 60, 10
PATH = "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s"
# Each is limited for itself, and counts in the Valkey that ``redis_url`` has emptied.
PATHS = ("/auth/login", "/auth/refresh", "/api/v1/auth/login", "/api/v1/auth/refresh")
BODY = b'{"username": "nobody", "password": "wrong horse battery"}'


async def begin_request(service: Service, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*service.address)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    # Half of its body: the request is under way until the rest has come.
    writer.write(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:20])
    await writer.drain()
    return reader, writer


async def listen_to_the_end(socket: aiohttp.ClientWebSocketResponse, told: asyncio.Queue) -> tuple[str, int]:
    last = ""
    async for message in socket:
        last = json.loads(message.data)["type"]
        if last in ("snapshot", "server_shutdown"):
            told.put_nowait(last)
    return last, socket.close_code


async def finish_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(BODY[20:])
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer.split(b"\r\n")[0]


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
async def test_a_stop_says_goodbye_to_every_client_and_finishes_every_request(
    launch: Callable[..., Service], beside: dict[str, str], redis_url: str, server: str
) -> None:
    plenty = {"RATE_LIMIT_PER_MINUTE": "100000", "WS_MAX_PER_ADDRESS": "1000"}
    service = launch(APP, SERVER=server, WORKERS="2", **plenty, **beside)
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[str] = asyncio.Queue()
    async with aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=0)) as session:
        async with asyncio.timeout(STARTING_S):
            requests = [await begin_request(service, PATHS[number % 4]) for number in range(REQUESTS)]
            sockets = [await session.ws_connect(PATH) for _ in range(SOCKETS)]
            listening = [asyncio.create_task(listen_to_the_end(socket, told)) for socket in sockets]
            assert {await told.get() for _ in sockets} == {"snapshot"}
        began_s = loop.time()
        service.process.send_signal(signal.SIGTERM)
        # What is left of the time to drain is the service's own: whoever is not told within it is cut.
        async with asyncio.timeout(EXIT_S):
            await told.get()
            answers = await asyncio.gather(*(finish_request(*request) for request in requests))
            endings = await asyncio.gather(*listening)
            code = await loop.run_in_executor(None, service.exit_code)
    assert set(endings) == {("server_shutdown", 1012)}
    # Twenty wrong passwords at once are more than one address may try: that is an answer too.
    assert {answer.split(b" ")[1] for answer in answers} <= {b"401", b"422", b"429"}
    assert code == 0
    assert loop.time() - began_s < EXIT_S
