"""What a client has sent and its handler has not read: bounded, and small while it is empty."""

import asyncio
from typing import Any

MESSAGES_MAX = 16


class Inbox:
    """Stand in for the ``asyncio.Queue`` of a WebSocket; for one who puts and one who gets.

    asyncio's own takes three kilobytes when it is empty, which for most connections is always.
    """

    __slots__ = ("_messages", "_news", "_room")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    async def put(self, message: Any) -> None:
        """Add a message as soon as there is room."""
        while len(self._messages) >= MESSAGES_MAX:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
        self._messages.append(message)
        _wake(self._news)

    async def get(self) -> Any:
        """Return the oldest message, and wait for one if need be."""
        while not self._messages:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        message = self._messages.pop(0)
        _wake(self._room)
        return message

    def clear(self) -> None:
        """Drop what is in it, so that whoever waits for room has some."""
        self._messages.clear()
        _wake(self._room)

    def shutdown(self) -> None:
        """Take note that the client has left, as Quart 0.23 says it: who waits is cancelled right after."""


def _wake(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
