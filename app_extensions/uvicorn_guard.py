"""What uvicorn leaves open: how long the head of a request may grow, and frames that go out together."""

from importlib.metadata import version
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.connection import ConnectionState

from middleware.live_frames import EXTENSION as FRAMES

REQUEST_HEAD_BYTES_MAX = 16 * 1024
# The uvicorn whose WebSocket protocol this was written for; with another, each message is sent by itself.
UVICORN_VERSION = "0.54."


def takes_frames() -> bool:
    """Tell whether this uvicorn is the one that ``FramesProtocol`` knows."""
    return version("uvicorn").startswith(UVICORN_VERSION)


class FramesProtocol(WSProtocol):
    """Take whole frames beside single messages, in order and no faster than is read; tell what was broken."""

    def handle_close(self, event: Any) -> None:
        """Answer the client's goodbye, and tell one that broke the protocol before hanging up."""
        if self.conn.state is ConnectionState.OPEN:
            self.transport.write(self.conn.send(event))
        super().handle_close(event)

    async def send(self, message: Any) -> None:
        """Send what the app gives; frames for a connection that is ending are dropped."""
        if message["type"] != FRAMES:
            await super().send(message)
            return
        await self.writable.wait()
        open_ = self.handshake_complete and not self.close_sent and self.conn.state is ConnectionState.OPEN
        if open_ and not self.transport.is_closing():
            self.transport.write(message["frames"])


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """Refuse a request whose head goes on for too long; httptools itself would keep on collecting."""

    _head_bytes = 0
    _in_head = False

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._head_bytes = 0
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting: the body has limits of its own."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and refuse when it still is no whole head and too much."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > REQUEST_HEAD_BYTES_MAX:
                self.send_400_response("The head of the request is too long.")
