"""Those who have left go one after the other, and everybody else has a turn between two of them."""

import asyncio
from itertools import groupby
from typing import Any

from quart import Quart, websocket

from app_extensions import websocket_guard
from app_extensions.websocket_guard import guard_websockets
from utils.turns import QUICK_ROUNDS

DEADLINE_S = 20
LISTENERS = 12
SCOPE = {
    "type": "websocket",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "scheme": "ws",
    "path": "/",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "subprotocols": [],
}


async def test_a_crowd_that_leaves_at_once_is_let_go_one_by_one(monkeypatch: Any) -> None:
    # However slow the machine is.
    monkeypatch.setattr(websocket_guard, "LEAVING_PATIENCE_S", DEADLINE_S)
    app, turns, here = Quart(__name__), [], asyncio.Semaphore(0)
    break_off = asyncio.Event()

    @app.websocket("/")
    async def listen() -> None:
        try:
            await websocket.accept()
            here.release()
            await websocket.receive()
        finally:
            turns.append("end")

    async def receive() -> dict[str, Any]:
        await break_off.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(_: Any) -> None:
        return

    async def live_beside() -> None:
        while turns.count("end") < LISTENERS:
            turns.append("other")
            await asyncio.sleep(0)

    guard_websockets(app)
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for _ in range(LISTENERS):
            group.create_task(app(dict(SCOPE), receive, send))  # type: ignore[arg-type]
        for _ in range(LISTENERS):
            await here.acquire()
        break_off.set()
        group.create_task(live_beside())
    runs = [(who, len(list(run))) for who, run in groupby(turns)]
    assert [length for who, length in runs if who == "end"] == [1] * LISTENERS
    assert min(length for who, length in runs if who == "other") >= QUICK_ROUNDS
