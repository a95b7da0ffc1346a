"""What others would write to tell every subscriber of every update: four loops over one Redis Stream.

``python benchmarks/peers/broadcast.py quart|websockets|aiohttp PORT REDIS_URL``
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import uvloop
from redis.asyncio import Redis

STREAM = "fanout"


async def updates(redis_url: str) -> AsyncIterator[str]:
    redis = Redis.from_url(redis_url, socket_timeout=10)
    newest = "$"
    while True:
        answer = await redis.xread({STREAM: newest}, count=512, block=2_000)
        pairs = answer.items() if isinstance(answer, dict) else answer or []
        for _, batches in pairs:
            for entry_id, fields in batches[0] if isinstance(answer, dict) else batches:
                newest = entry_id
                yield fields[b"d"].decode()


async def with_quart(port: int, redis_url: str) -> None:
    """Await each subscriber in turn, as tutorials have it."""
    import hypercorn  # noqa: PLC0415 - the peers do not live in one environment
    import hypercorn.asyncio  # noqa: PLC0415
    from quart import Quart, websocket  # noqa: PLC0415

    app = Quart(__name__)
    subscribers = set()

    @app.websocket("/")
    async def subscribe() -> None:
        await websocket.accept()
        connection = websocket._get_current_object()  # noqa: SLF001 - the documented way out of the proxy
        subscribers.add(connection)
        try:
            while True:
                await websocket.receive()
        finally:
            subscribers.discard(connection)

    @app.get("/live")
    async def live() -> str:
        return ""

    @app.before_serving
    async def start() -> None:
        app.add_background_task(broadcast)

    async def broadcast() -> None:
        async for update in updates(redis_url):
            for subscriber in tuple(subscribers):
                await subscriber.send(update)

    settings = hypercorn.Config()
    settings.bind = [f"127.0.0.1:{port}"]
    settings.backlog = 1024
    settings.errorlog = None
    await hypercorn.asyncio.serve(app, settings)


async def with_websockets(port: int, redis_url: str) -> None:
    """Hand the update to the library that is made for this."""
    from websockets.asyncio.server import broadcast, serve  # noqa: PLC0415

    subscribers = set()

    async def subscribe(connection: object) -> None:
        subscribers.add(connection)
        try:
            await connection.wait_closed()
        finally:
            subscribers.discard(connection)

    async with serve(
        subscribe, "127.0.0.1", port, compression=None, ping_interval=None, backlog=1024, process_request=live
    ):
        async for update in updates(redis_url):
            broadcast(subscribers, update)


def live(connection: object, request: object) -> object:
    return connection.respond(200, "") if request.path == "/live" else None


async def with_aiohttp(port: int, redis_url: str) -> None:
    """Await each subscriber in turn, on a faster server."""
    from aiohttp import web  # noqa: PLC0415

    subscribers = set()

    async def subscribe(request: web.Request) -> web.StreamResponse:
        connection = web.WebSocketResponse(compress=False)
        await connection.prepare(request)
        subscribers.add(connection)
        try:
            async for _ in connection:
                pass
        finally:
            subscribers.discard(connection)
        return connection

    async def live(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/", subscribe), web.get("/live", live)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    async for update in updates(redis_url):
        for subscriber in tuple(subscribers):
            await subscriber.send_str(update)


PEERS: dict[str, Callable] = {"quart": with_quart, "websockets": with_websockets, "aiohttp": with_aiohttp}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(PEERS[sys.argv[1]](int(sys.argv[2]), sys.argv[3]))
