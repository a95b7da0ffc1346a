"""What uvicorn leaves open: how long the head of a request may grow, and frames that go out together."""

import asyncio
import contextlib
from importlib.metadata import version
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.connection import ConnectionState

from middleware.live_frames import EXTENSION as FRAMES
from middleware.live_frames import EXTENSION_NOW as FRAMES_NOW

REQUEST_HEAD_BYTES_MAX = 16 * 1024
HEAD_TIMEOUT_S = 5.0
# The uvicorn whose WebSocket protocol this was written for; with another, each message is sent by itself.
UVICORN_VERSION = "0.54."
GOODBYE_TIMEOUT_S = 1.0


def takes_frames() -> bool:
    """Tell whether this uvicorn is the one that ``FramesProtocol`` knows."""
    return version("uvicorn").startswith(UVICORN_VERSION)


class _PatientTransport:
    """A transport that says its last words before it closes.

    Bytes that nobody has read turn the end into a reset, which takes the goodbye with it: what still comes is
    read and dropped until the client hangs up, for a second at most.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._ending = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._ending or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._ending = True
        with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
            self._transport.write_eof()
            self._transport.resume_reading()
        asyncio.get_running_loop().call_later(GOODBYE_TIMEOUT_S, self._transport.close)


class FramesProtocol(WSProtocol):
    """Take whole frames beside single messages, in order and no faster than is read; tell what was broken."""

    def connection_made(self, transport: Any) -> None:
        """Take over a connection that asked to be a WebSocket."""
        super().connection_made(_PatientTransport(transport))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Take what arrived; behind the end it is dropped."""
        if not self.transport.is_closing():
            super().data_received(data)

    def handle_close(self, event: Any) -> None:
        """Answer the client's goodbye, and tell one that broke the protocol before hanging up."""
        if self.conn.state is ConnectionState.OPEN:
            self.transport.write(self.conn.send(event))
        super().handle_close(event)

    async def send(self, message: Any) -> None:
        """Send what the app gives; what comes behind a goodbye, whoever said it, is dropped."""
        await self.writable.wait()
        if message["type"] == FRAMES:
            if self._takes_frames():
                self.transport.write(message["frames"])
        elif self.response_started or not self._is_over():
            with contextlib.suppress(ClientDisconnected):
                await super().send(message)

    async def run_asgi(self) -> None:
        """Run the app, which may write frames at once to a client that has read all before them."""
        extensions: dict[str, Any] = self.scope["extensions"] or {}
        self.scope["extensions"] = extensions | {FRAMES_NOW: self._send_now}
        await super().run_asgi()

    def _send_now(self, frames: bytes) -> bool:
        if not self._takes_frames() or self.transport.get_write_buffer_size():
            return False
        self.transport.write(frames)
        return True

    def _is_over(self) -> bool:
        left_early = not self.handshake_complete and self.transport.is_closing()
        return left_early or self.close_sent

    def _takes_frames(self) -> bool:
        open_ = self.handshake_complete and not self.close_sent and self.conn.state is ConnectionState.OPEN
        return open_ and not self.transport.is_closing()


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """Refuse a request whose head goes on for too long; httptools itself would keep on collecting."""

    _head_bytes = 0
    _in_head = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Expect the head of a request within seconds; uvicorn itself would wait for ever."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._stop_expecting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._head_bytes = 0
        self._in_head = True
        if self._head_timer is None:
            self._expect_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting: the body has limits of its own."""
        self._in_head = False
        self._stop_expecting()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and refuse when it still is no whole head and too much."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > REQUEST_HEAD_BYTES_MAX:
                self.send_400_response("The head of the request is too long.")

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and let go of the parser, which holds this protocol."""
        if not all(value.isascii() for _, value in self.scope["headers"]):
            # wsproto fails on it before anybody knows of the connection, which is then kept for ever.
            self.send_400_response("The handshake holds something that is not ASCII.")
            return
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._hang_up)

    def _stop_expecting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _hang_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
