"""A WebSocket client for tests that hears a close as one over a network does, with every Quart alike."""

from typing import Any

from quart.testing.connections import TestWebsocketConnection


class SocketClosedError(Exception):
    """The service closed the connection; the only argument is the code."""


class SocketConnection(TestWebsocketConnection):
    """Raises ``SocketClosedError`` to who receives after a close: Quart 0.23 leaves that receiver waiting.

    The app is told that the connection is gone, as every server tells it after a close.
    """

    async def __aexit__(self, *exception: object) -> None:
        await self.disconnect()
        await self._task
        while not self._receive_queue.empty():
            data = await self._receive_queue.get()
            if isinstance(data, Exception) and not isinstance(data, SocketClosedError):
                raise data

    async def _asgi_send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            await self._receive_queue.put(SocketClosedError(message.get("code", 1000)))
            await self.disconnect()
        else:
            await super()._asgi_send(message)
