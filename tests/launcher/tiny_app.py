"""The smallest app the launcher can run, with the doors its tests need; it is run like ``app.py``."""

import asyncio
import os
from pathlib import Path

from quart import Blueprint, Quart, websocket

from app_extensions import DRAIN, worker
from app_extensions.server import main
from config import Config

doors = Blueprint("doors", __name__)
leaving = asyncio.Event()
left = asyncio.Event()
held: set[int] = set()
under_way: set[int] = set()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@doors.get("/health")
async def health() -> dict[str, int]:
    return {
        "worker": os.getpid(),
        "descriptors": open_descriptors(),
        "tasks": len(asyncio.all_tasks()),
        "under_way": len(under_way),
    }


@doors.get("/slow")
async def slow() -> dict[str, bool]:
    """Answers after a drain has begun, however long that takes."""
    me = id(asyncio.current_task())
    under_way.add(me)
    await leaving.wait()
    await asyncio.sleep(0.5)
    under_way.discard(me)
    return {"finished": True}


@doors.get("/endless")
async def endless() -> dict[str, bool]:
    await asyncio.Event().wait()
    return {}


@doors.websocket("/polite")
async def polite() -> None:
    me = id(asyncio.current_task())
    held.add(me)
    try:
        await websocket.accept(headers={"Worker": str(os.getpid())})
        await websocket.send("hello")
        await leaving.wait()
        await websocket.close(1012, "The service restarts. Connect again.")
    finally:
        held.discard(me)
        if not held:
            left.set()


@doors.websocket("/deaf")
async def deaf() -> None:
    """Says hello, and never reads."""
    await websocket.send("hello")
    await asyncio.Event().wait()


@doors.websocket("/curt")
async def curt() -> None:
    """Hears one message, and has enough."""
    await websocket.send("hello")
    await websocket.receive()
    await websocket.close(1008, "Enough.")


@doors.websocket("/echo")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


@doors.websocket("/flood")
async def flood() -> None:
    while True:
        await websocket.send("x" * 10_000)


async def drain() -> None:
    leaving.set()
    if held:
        await left.wait()


if os.environ.get("TINY_HURRIES") == "yes":
    # Deadlines as they are, but shorter: what is tested is that they end.
    worker.REQUESTS_TIMEOUT_S = 1.0
    worker.KEEP_ALIVE_TIMEOUT_S = 1


def create_app(_config: Config | None = None) -> Quart:
    app = Quart(__name__)
    app.register_blueprint(doors)
    if os.environ.get("TINY_DRAINS", "yes") == "yes":
        app.extensions[DRAIN] = drain

    @app.before_serving
    async def fail() -> None:
        if "TINY_BROKEN" in os.environ:
            raise RuntimeError("broken on purpose")

    return app


if __name__ == "__main__":
    raise SystemExit(main(create_app))
