"""A WebSocket that ends while the app still has something to say: uvicorn itself would raise."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import uvicorn
from uvicorn.server import ServerState

from app_extensions.uvicorn_guard import BoundedHttpToolsProtocol, FramesProtocol

DEADLINE_S = 20
MESSAGE_BYTES_MAX = 1_000
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class App:
    """Accepts, waits for the end, and then says something nevertheless."""

    def __init__(self) -> None:
        self.accepts, self.ended = asyncio.Event(), asyncio.Event()
        self.raised: list[str] = []

    async def __call__(self, _: Any, receive: Any, send: Any) -> None:
        await receive()
        await self.accepts.wait()
        try:
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            await send({"type": "websocket.send", "text": "what was under way"})
            await send({"type": "websocket.close", "code": 4009})
        except Exception as error:  # noqa: BLE001 - any of them would be logged with its stack
            self.raised.append(repr(error))
        self.ended.set()


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, ws=FramesProtocol, lifespan="off", ws_max_size=MESSAGE_BYTES_MAX, log_config=None
    )
    config.load()
    state = ServerState()
    listening = await asyncio.get_running_loop().create_server(
        lambda: BoundedHttpToolsProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with asyncio.timeout(DEADLINE_S):
        yield listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()


async def test_what_is_said_behind_the_servers_own_goodbye_is_dropped() -> None:
    app = App()
    app.accepts.set()
    async with (
        serving(app) as port,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://127.0.0.1:{port}/") as client,
    ):
        await client.send_bytes(bytes(MESSAGE_BYTES_MAX + 1))
        await app.ended.wait()
        last = await client.receive()
    assert (last.type, last.data) == (aiohttp.WSMsgType.CLOSE, 1009)
    assert not app.raised


async def test_who_left_before_being_let_in_is_told_nothing() -> None:
    app = App()
    async with serving(app) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(UPGRADE)
            client.shutdown(socket.SHUT_WR)
            assert await asyncio.to_thread(client.recv, 1) == b""
            app.accepts.set()
            await app.ended.wait()
    assert not app.raised
