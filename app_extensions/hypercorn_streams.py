"""What Hypercorn 0.18 does wrong with a WebSocket when its client or its app does not behave, put right.

Replaced in its own class by ``guard_hypercorn``, which answers for the version.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from hypercorn.protocol.events import Body, Data, EndBody, Request, Response, StreamClosed
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from wsproto.connection import Connection, ConnectionState
from wsproto.events import CloseConnection, Message

from app_extensions.inbox import Inbox
from middleware.live_frames import EXTENSION as FRAMES
from middleware.live_frames import EXTENSION_NOW as FRAMES_NOW
from middleware.live_frames import SendNow

GOODBYE_TIMEOUT_S = 1.0

_unguarded_handle = WSStream.handle
_unguarded_app_send = WSStream.app_send
_unguarded_accept = WSStream._accept  # noqa: SLF001 - there is no public way


class _TellingConnection:
    """A WebSocket connection that remembers what broke the protocol, so that the client can be told."""

    __slots__ = ("_connection", "failure")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.failure: CloseConnection | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def events(self) -> Iterator[Any]:
        for event in self._connection.events():
            open_ = self._connection.state is ConnectionState.OPEN
            if isinstance(event, CloseConnection) and open_:
                self.failure = event
            # Behind our goodbye, Hypercorn would add a binary frame to the rest of a text that was too long.
            if open_ or not isinstance(event, Message):
                yield event


def no_extensions(*_: Any) -> None:
    """Agree to no extension: deflate costs 100 KB a connection, and makes 80 MB in memory of 80 KB."""


async def handle_stream_event(stream: WSStream, event: StreamEvent) -> None:
    """Pass on what a client sent, and tell both sides when that was the end."""
    # A frame sent before the handshake was answered: without this the application is never told that the
    # connection is over, and each such connection leaves a descriptor and four tasks behind for ever.
    early = isinstance(event, Body | Data) and not stream.closed and not stream.handshake.accepted
    if not early:
        if isinstance(event, StreamClosed) and not stream.closed:
            await _tell_failure(stream)
            # The app is told of the end through the same queue. Where its own write has found the client
            # gone, it would wait for room in what only itself can empty.
            _empty(stream.app_put)
        try:
            await _unguarded_handle(stream, event)
        except UnicodeDecodeError:
            if not isinstance(event, Request):
                raise
            await _refuse_unreadable(stream)
        return
    if stream.state is not ASGIWebsocketState.HANDSHAKE:
        return  # the refusal is on its way, and whatever comes after it is nobody's
    await stream._send_error_response(400)  # noqa: SLF001 - there is no public way
    await _unguarded_handle(stream, StreamClosed(stream_id=stream.stream_id))
    await stream.send(StreamClosed(stream_id=stream.stream_id))


async def _refuse_unreadable(stream: WSStream) -> None:
    # Headers that are no ASCII: Hypercorn failed with a traceback, said nothing, and a balancer took that for
    # the end of this process. Its own way to refuse logs what it could read, and that is nothing here.
    stream.closed = True
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await stream.send(Response(stream_id=stream.stream_id, status_code=400, headers=headers))
    await stream.send(EndBody(stream_id=stream.stream_id))
    await stream.send(StreamClosed(stream_id=stream.stream_id))


async def accept_stream(stream: WSStream, message: Any) -> None:
    """Agree to a WebSocket, and watch what its client breaks."""
    await _unguarded_accept(stream, message)
    stream.connection = _TellingConnection(stream.connection)  # type: ignore[assignment]
    protocol = getattr(stream.send, "__self__", None)
    # In HTTP/2 the bytes of a WebSocket are wrapped once more.
    if isinstance(protocol, H11Protocol):
        extensions: dict[str, Any] = stream.scope["extensions"]
        extensions[FRAMES_NOW] = _now_sender(stream, protocol)


def _now_sender(stream: WSStream, protocol: H11Protocol) -> SendNow:
    transport: asyncio.WriteTransport = protocol.send.__self__.writer.transport  # type: ignore[attr-defined]

    def send_now(frames: bytes) -> bool:
        # What the client has not read keeps to the way of all data, where it is waited for.
        if not _takes_frames(stream) or transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(frames)
        return True

    return send_now


def _takes_frames(stream: WSStream) -> bool:
    return (
        not stream.closed
        and stream.state is ASGIWebsocketState.CONNECTED
        and stream.connection.state is ConnectionState.OPEN
    )


async def _tell_failure(stream: WSStream) -> None:
    # Hypercorn hangs up on a frame that breaks the protocol, and says nothing.
    failure = getattr(getattr(stream, "connection", None), "failure", None)
    if failure is not None and stream.connection.state is ConnectionState.OPEN:
        await stream.send(Data(stream_id=stream.stream_id, data=stream.connection.send(failure)))


class _Afterwards:
    """Take the place of an app that has ended: drop what a client still sends, and know the end of it."""

    def __init__(self, put: Any) -> None:
        self.over = asyncio.Event()
        # Hypercorn's reader waits for room in a queue that nobody empties any more: it never saw the client
        # leave, and each such connection left a descriptor and three tasks behind for ever.
        _empty(put)

    async def __call__(self, message: Any) -> None:
        if message["type"] == "websocket.disconnect":
            self.over.set()


def _empty(put: Any) -> None:
    inbox = getattr(put, "__self__", None)
    if isinstance(inbox, Inbox):
        inbox.clear()


async def _end_app(stream: WSStream) -> None:
    if stream.app_put is not None:
        afterwards = stream.app_put = _Afterwards(stream.app_put)
        if stream.state is ASGIWebsocketState.CLOSED and not stream.closed:
            # A connection that is cut while its client is sending takes the goodbye with it: the client first
            # answers that, and what it sends until then is dropped.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                    await afterwards.over.wait()
    await _unguarded_app_send(stream, None)


async def send_from_app(stream: WSStream, message: Any) -> None:
    """Send what the app gives; whole frames for a connection that is ending are dropped."""
    # Whole frames go the way of all data, with its order and its waiting for a slow reader, but not one by
    # one through the parser: that costs several times as much as all the rest.
    if message is None:
        await _end_app(stream)
    elif message["type"] != FRAMES:
        await _unguarded_app_send(stream, message)
    elif _takes_frames(stream):
        await stream.send(Data(stream_id=stream.stream_id, data=message["frames"]))
