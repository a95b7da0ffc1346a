"""The bare ASGI callable: the same bytes on the same server, and nothing else. Run by the product's Python.

``python benchmarks/peers/floor.py hypercorn|uvicorn PORT BODY_FILE``
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import hypercorn
import hypercorn.asyncio
import uvicorn

try:
    import uvloop
except ImportError:
    new_event_loop = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


def make_app(body: bytes) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return app


async def serve(server: str, port: int, body: bytes) -> None:
    if server == "hypercorn":
        settings = hypercorn.Config()
        settings.bind = [f"127.0.0.1:{port}"]
        settings.include_server_header = False
        await hypercorn.asyncio.serve(make_app(body), settings)
        return
    await uvicorn.Server(
        uvicorn.Config(
            make_app(body),
            port=port,
            ws="wsproto",
            access_log=False,
            server_header=False,
            log_level="warning",
        )
    ).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]).read_bytes()))
