"""What Hypercorn 0.18 leaves open to a hostile client, closed here.

Each part says what was measured without it. All of it reaches into Hypercorn's own modules, so it refuses to
work with any version it was not written for; ``tests/launcher`` proves each part against a running server.
"""

import asyncio
import contextlib
import logging
from functools import partial
from importlib.metadata import version
from typing import Any

from hypercorn.asyncio import run as hypercorn_run
from hypercorn.asyncio import task_group
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Closed, Updated
from hypercorn.events import Event as ConnectionEvent
from hypercorn.protocol import ProtocolWrapper, ws_stream
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream

from app_extensions.hypercorn_streams import (
    GOODBYE_TIMEOUT_S,
    accept_stream,
    handle_stream_event,
    no_extensions,
    send_from_app,
)
from app_extensions.inbox import Inbox

HYPERCORN_VERSION = "0.18."
UNREAD_BYTES = 64 * 1024

_unguarded_protocol_handle = ProtocolWrapper.handle
_unguarded_spawn_app = TaskGroup.spawn_app
_unguarded_check_protocol = H11Protocol._check_protocol  # noqa: SLF001 - there is no public way
_unguarded_create_stream = H2Protocol._create_stream  # noqa: SLF001 - as above
# What Hypercorn raises of bytes where text should be, and of what belongs to no stream.
UNREADABLE = (ValueError, KeyError)
# RFC 9113 7, read 2026-11-22.
PROTOCOL_ERROR = 1

log = logging.getLogger(__name__)


class GuardError(Exception):
    """Say that this Hypercorn is not the one the guard was written for."""


class OpenConnections:
    """Hold the connections of this process, so that a drain can end what does not end by itself."""

    def __init__(self) -> None:
        self._writers: set[asyncio.StreamWriter] = set()

    @contextlib.contextmanager
    def holding(self, writer: asyncio.StreamWriter) -> Any:
        """Count the connection as open while the block runs."""
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)

    def abort(self) -> None:
        """Cut every connection that is still open, without waiting for its client."""
        for writer in list(self._writers):
            writer.transport.abort()


def guard_hypercorn() -> OpenConnections:
    """Close the leaks of this process's Hypercorn, and return what will hold its connections.

    Raises: GuardError.
    """
    found = version("hypercorn")
    if not found.startswith(HYPERCORN_VERSION):
        raise GuardError(
            f"Hypercorn {found} is not the {HYPERCORN_VERSION}x this service knows how to guard: "
            "install the locked requirements.txt, or set SERVER=uvicorn."
        )
    connections = OpenConnections()
    for owner, name, guarded in (
        (hypercorn_run, "TCPServer", partial(_GuardedServer, connections)),
        (ws_stream, "server_extensions_handshake", no_extensions),
        (WSStream, "handle", handle_stream_event),
        (WSStream, "app_send", send_from_app),
        (WSStream, "_accept", accept_stream),
        (ProtocolWrapper, "handle", _handle_connection_event),
        (H11Protocol, "_check_protocol", _check_protocol),
        (H2Protocol, "_create_stream", _create_stream),
        (TaskGroup, "spawn_app", _spawn_app),
    ):
        setattr(owner, name, guarded)
    return connections


class _GuardedServer(TCPServer):
    """A connection that is known while it is open, and whose end is never an error.

    A client that stops reading is cut by TCP_USER_TIMEOUT; Hypercorn takes the "timed out" of that for a
    failure of ours and writes 3 kB of traceback for each.
    """

    def __init__(self, connections: OpenConnections, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connections = connections
        self._reading: asyncio.Task[Any] | None = None

    async def run(self) -> None:
        self._reading = asyncio.current_task()
        try:
            with self._connections.holding(self.writer), contextlib.suppress(OSError):
                await super().run()
        finally:
            # A connection and its protocol call each other; each that ended waited for the collector, which
            # then had thirty objects of it to look through.
            self._reading = None
            self.__dict__.pop("protocol", None)

    async def _close(self) -> None:
        # Bytes that nobody has read turn the end into a reset, which takes the last words with it.
        if asyncio.current_task() is self._reading:
            with contextlib.suppress(OSError, RuntimeError, NotImplementedError, TimeoutError):
                self.writer.write_eof()
                async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                    while await self.reader.read(UNREAD_BYTES):
                        pass
        # A client that says goodbye and is gone at once, as browsers do: uvloop calls the end of that
        # ENOTCONN, which Hypercorn does not know. The connection's task failed, Quart never heard of the end,
        # and each such listener left two tasks and its topics behind for ever.
        with contextlib.suppress(OSError):
            await super()._close()


async def _handle_connection_event(wrapper: ProtocolWrapper, event: ConnectionEvent) -> None:
    # A connection that turns to HTTP/2 counts as busy until its first request ends; one that never asks for
    # anything stayed open for ever.
    before = wrapper.protocol
    try:
        await _unguarded_protocol_handle(wrapper, event)
    except UNREADABLE as error:
        # What no parser can read ends its connection, and is no failure of ours.
        log.debug("unreadable request", extra={"reason": type(error).__name__})
        await wrapper.send(Closed())
        return
    now = wrapper.protocol
    if now is not before and isinstance(now, H2Protocol) and now.idle:
        await wrapper.send(Updated(idle=True))


async def _check_protocol(protocol: H11Protocol, event: Any) -> None:
    # Through a proxy that passes any upgrade on, one that turned to HTTP/2 would be a tunnel past it:
    # what its client writes about its own address would be believed. HTTP/2 is agreed on by TLS.
    if not any(value.strip().lower() == b"h2c" for name, value in event.headers if name == b"upgrade"):
        await _unguarded_check_protocol(protocol, event)


async def _create_stream(protocol: H2Protocol, request: Any) -> None:
    # A path or a method that is no ASCII, or none at all, left a stream that could not be ended.
    needed = [value for name, value in request.headers or () if name in (b":method", b":path")]
    if len(needed) == len((b":method", b":path")) and all(map(bytes.isascii, needed)):
        await _unguarded_create_stream(protocol, request)
        return
    protocol.connection.close_connection(error_code=PROTOCOL_ERROR)
    await protocol._flush()  # noqa: SLF001 - there is no public way
    await protocol.send(Closed())


async def _spawn_app(group: TaskGroup, app: Any, config: Any, scope: Any, send: Any) -> Any:
    # Its queue takes 2.3 kB for as long as a WebSocket is open, nearly always empty.
    if scope["type"] != "websocket":
        return await _unguarded_spawn_app(group, app, config, scope, send)
    inbox = Inbox()
    # The last two are for what is not ASGI.
    group.spawn(task_group._handle, app, config, scope, inbox.get, send, None, None)  # noqa: SLF001
    return inbox.put
