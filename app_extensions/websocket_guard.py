"""What every WebSocket is kept to, whichever server it came through: bounded, and let go in its turn."""

import asyncio
from typing import Any, cast

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, WebsocketScope
from quart import Quart, Websocket
from quart.asgi import ASGIWebsocketConnection

from app_extensions.inbox import Inbox
from middleware.live_frames import EXTENSION as FRAMES
from utils.turns import Turnstile

LEAVING = "leaving"
# However busy the loop is, so often one of them is let go.
LEAVING_PATIENCE_S = 0.004


def guard_websockets(app: Quart, *, frames: bool = False) -> None:
    """Keep at most 16 unread messages of a WebSocket, and let those who have left go one after the other.

    Quart's own queue has no bound: one client made a process grow by 500 MB in 8 seconds. ``frames`` says
    that the server takes whole frames (``middleware/live_frames.py``).
    """
    app.asgi_websocket_class = _GuardedWebsocket
    app.extensions[FRAMES] = frames
    app.extensions[LEAVING] = Turnstile(LEAVING_PATIENCE_S)


class _GuardedWebsocket(ASGIWebsocketConnection):
    def __init__(self, app: Quart, scope: WebsocketScope) -> None:
        super().__init__(app, scope)
        self.queue = cast("asyncio.Queue[Any]", Inbox())
        self._over = False
        self._reading: asyncio.Task[Any] | None = None

    def _create_websocket_from_scope(self, send: ASGISendCallable) -> Websocket:
        websocket = super()._create_websocket_from_scope(send)
        buffer = getattr(websocket, "buffer", None)
        if buffer is not None:  # where Quart 0.23 and later keep the queue
            buffer._queue = Inbox()  # noqa: SLF001 - there is no public way
        return websocket

    async def handle_messages(self, *arguments: Any) -> None:
        """Read what the client sends, until it leaves or the handler has ended."""
        if not self._over:
            self._reading = asyncio.current_task()
            await super().handle_messages(*arguments)

    async def handle_websocket(self, websocket: Websocket, send: ASGISendCallable) -> None:
        """Run the handler, and end the reading with it.

        Quart 0.23 reads on until the client leaves. One that kept on sending was never hung up on, and kept
        its descriptor and four tasks for as long as it liked.
        """
        try:
            await super().handle_websocket(websocket, send)
        finally:
            self._over = True
            if self._reading is not None:
                self._reading.cancel()
                self._reading = None

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_if_there(message: ASGISendEvent) -> None:
            # Hypercorn drops what is sent to a client that has left, uvicorn raises. Either way the handler
            # is cancelled as soon as the disconnect has been read, so it must be given the time for that.
            try:
                await send(message)
            except OSError:
                await asyncio.sleep(0)

        async def receive_whole() -> Any:
            # Quart looks for the text of an empty binary message, where uvicorn has put none.
            event: Any = await receive()
            if event["type"] == "websocket.receive":
                event.setdefault("text", None)
            elif event["type"] == "websocket.disconnect":
                # A network that breaks takes a thousand of them, whose ends held everybody up for a second.
                await self.app.extensions[LEAVING].go_through()
            return event

        async def send_frames(frames: bytes) -> None:
            await send_if_there({"type": FRAMES, "frames": frames})  # type: ignore[arg-type]

        extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
        if self.app.extensions[FRAMES]:
            extensions[FRAMES] = send_frames
        try:
            await super().__call__(receive_whole, send_if_there)
        finally:
            # They call the connection that holds them, and all of it would wait for the collector.
            extensions.clear()
