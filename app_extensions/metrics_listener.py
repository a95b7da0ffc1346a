"""The listener of metrics: one page, for a monitor that is allowed to see it; not for clients."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

PATH = "/metrics"
DEADLINE_S = 5.0
HEAD_BYTES_MAX = 8 * 1024
# Who comes when so many are being answered is sent away.
CALLERS_MAX = 8
TEXT = "text/plain; charset=utf-8"

log = logging.getLogger(__name__)

# Returns the page. Raises: OSError, ValueError when it cannot be made.
Render = Callable[[], bytes]


@asynccontextmanager
async def listening(
    listener: socket.socket, render: Render, deadline_s: float = DEADLINE_S
) -> AsyncIterator[None]:
    """Answer on a bound socket while the block runs, in the loop that runs it."""
    callers: dict[asyncio.Task[object], asyncio.StreamWriter] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = asyncio.current_task()
        assert caller is not None
        if len(callers) >= CALLERS_MAX:
            writer.transport.abort()
            return
        callers[caller] = writer
        try:
            async with asyncio.timeout(deadline_s):
                writer.write(await _answer(reader, render))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()  # whoever asks so gets no answer
        finally:
            del callers[caller]
            writer.close()

    server = await asyncio.start_server(answer, sock=listener, limit=HEAD_BYTES_MAX)
    try:
        yield
    finally:
        server.close()
        for writer in callers.values():
            writer.transport.abort()
        if callers:
            await asyncio.wait(tuple(callers))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await server.wait_closed()


async def _answer(reader: asyncio.StreamReader, render: Render) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if path != PATH.encode():
        return _response(HTTPStatus.NOT_FOUND, f"Metrics are at {PATH}.\n".encode())
    if method not in (b"GET", b"HEAD"):
        return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"Metrics can only be read.\n", allow="GET, HEAD")
    try:
        page = render()
    except (OSError, ValueError):
        log.exception("metrics could not be read")
        return _response(HTTPStatus.SERVICE_UNAVAILABLE, b"The metrics cannot be read now. Try again.\n")
    response = _response(HTTPStatus.OK, page, content_type=CONTENT_TYPE_PLAIN_0_0_4)
    return response if method == b"GET" else response.removesuffix(page)


def _response(status: HTTPStatus, body: bytes, *, content_type: str = TEXT, allow: str = "") -> bytes:
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    } | ({"Allow": allow} if allow else {})
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
