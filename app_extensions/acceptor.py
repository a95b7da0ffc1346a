"""Let connections in one after the other, whenever those that are here have had their turn.

An event loop takes all that wait at the door at once, and whoever is here already waits for the first words
of every one of them: fifty people who signed in at the same moment held everybody else up for 100 ms. Here
the next is let in when the loop has come round quickly, which says that nobody else was due, or after a short
while in any case. Those who wait do so in the system's queue, where they cost nothing.
"""

import asyncio
import logging
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from utils.turns import others_first

# Where files have run out, some will be given back soon.
EXHAUSTED_REST_S = 1.0

Factory = Callable[[], asyncio.BaseProtocol]

log = logging.getLogger(__name__)


class PatientServer(asyncio.AbstractServer):
    """A server of one listening socket, in the place of the loop's own."""

    def __init__(self, listener: socket.socket, factory: Factory, tls: dict[str, Any]) -> None:
        self._listener = listener
        self._factory = factory
        self._tls = tls
        self._line = select.poll()
        self._line.register(listener, select.POLLIN)
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[Any]] = set()
        self._accepting: asyncio.Task[None] | None = self._loop.create_task(self._accept_for_ever())

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """Return the listening socket, as long as there is one."""
        return () if self._accepting is None else (self._listener,)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop that serves."""
        return self._loop

    def is_serving(self) -> bool:
        """Tell whether connections are let in."""
        return self._accepting is not None

    async def start_serving(self) -> None:
        """Do nothing: it serves from the beginning."""

    async def serve_forever(self) -> None:
        """Serve until it is closed."""
        if self._accepting is not None:
            await asyncio.wait({self._accepting})

    def close(self) -> None:
        """Let nobody in any more; who is here stays."""
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
            self._listener.close()

    async def wait_closed(self) -> None:
        """Return at once: who is here is waited for by those who serve them."""

    async def _accept_for_ever(self) -> None:
        while True:
            try:
                # Until it is let in, a connection stands in the system's line: whoever stops loses none.
                if self._line.poll(0):
                    await others_first()
                    connection, _ = self._listener.accept()
                else:
                    connection, _ = await self._loop.sock_accept(self._listener)
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                continue  # another worker was quicker, or the client has left the line
            except OSError as error:
                if self._listener.fileno() < 0:
                    return  # uvicorn closes the socket by itself
                log.warning("no connection can be taken", extra={"reason": str(error)})
                await asyncio.sleep(EXHAUSTED_REST_S)
                continue
            connection.setblocking(False)
            arriving = self._loop.create_task(self._begin(connection))
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, connection, **self._tls)
        except OSError as error:
            # It has gone again, or does not speak TLS.
            log.debug("a connection did not begin", extra={"reason": str(error)})
            connection.close()


def patient(loop_class: type[asyncio.AbstractEventLoop]) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes loops of this class that let connections in with patience."""

    async def create_server(
        loop: asyncio.AbstractEventLoop,
        protocol_factory: Factory,
        host: Any = None,
        port: Any = None,
        *,
        sock: socket.socket | None = None,
        ssl: ssl.SSLContext | None = None,
        ssl_handshake_timeout: float | None = None,
        backlog: int = 100,
        **others: Any,
    ) -> asyncio.AbstractServer:
        if sock is None:
            raise ValueError("This loop serves sockets that are bound already.")
        del loop, host, port, backlog, others
        sock.setblocking(False)
        tls = {"ssl": ssl, "ssl_handshake_timeout": ssl_handshake_timeout} if ssl else {}
        return PatientServer(sock, protocol_factory, tls)

    return type(f"Patient{loop_class.__name__}", (loop_class,), {"create_server": create_server})
