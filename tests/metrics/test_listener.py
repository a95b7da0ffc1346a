"""The listener answers monitors, one page, and nobody can hold it up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from app_extensions.metrics_listener import CALLERS_MAX, HEAD_BYTES_MAX, listening
from app_extensions.server_socket import bound_socket

PAGE = b"visits_total 1\n"


class Door:
    """A listener on a free port of the loopback."""

    def __init__(self, listener: socket.socket) -> None:
        self._address = listener.getsockname()[:2]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self._address)

    async def ask(self, head: bytes) -> bytes:
        """Send a head, and return all that comes until the connection ends."""
        reader, writer = await self.connect()
        try:
            async with asyncio.timeout(20):
                writer.write(head)
                return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def door(render: object = lambda: PAGE, deadline_s: float = 20) -> AsyncIterator[Door]:
    with bound_socket("127.0.0.1", 0) as listener:
        listener.listen()
        async with listening(listener, render, deadline_s):
            yield Door(listener)


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def test_the_page_is_plain_text_that_nobody_keeps() -> None:
    async with door() as opened:
        head, _, body = (await opened.ask(get("/metrics"))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8" in head
    assert b"Cache-Control: no-store" in head
    assert body == PAGE


async def test_a_question_for_the_head_gets_the_head() -> None:
    async with door() as opened:
        answer = await opened.ask(get("/metrics", "HEAD"))
    assert f"Content-Length: {len(PAGE)}".encode() in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (get("/"), b"404 Not Found"),
        (get("/metrics/../etc/passwd"), b"404 Not Found"),
        (get("/metrics", "POST"), b"405 Method Not Allowed"),
        (get("/metrics?a=b"), b"200 OK"),
        (b"\r\n\r\n", b"404 Not Found"),
    ],
)
async def test_everything_else_is_refused(asked: bytes, status: bytes) -> None:
    async with door() as opened:
        assert (await opened.ask(asked)).startswith(b"HTTP/1.1 " + status)


async def test_a_head_without_an_end_is_cut() -> None:
    async with door() as opened:
        with suppress(ConnectionResetError):
            assert await opened.ask(b"GET /" + b"a" * (2 * HEAD_BYTES_MAX)) == b""
        assert b"200 OK" in await opened.ask(get("/metrics"))


async def test_who_says_nothing_is_cut() -> None:
    async with door(deadline_s=0.05) as opened:
        with suppress(ConnectionResetError):
            assert await opened.ask(b"GET /metrics") == b""


async def test_many_who_say_nothing_are_bounded_and_keep_nobody_from_stopping() -> None:
    async with asyncio.timeout(20), door() as opened:
        silent = [await opened.connect() for _ in range(CALLERS_MAX)]
        with pytest.raises(ConnectionResetError):
            await until_reset(opened)
    for _, writer in silent:
        writer.close()


async def until_reset(opened: Door) -> None:
    while True:
        answer = await opened.ask(get("/metrics"))
        if answer == b"":
            raise ConnectionResetError


async def test_a_page_that_cannot_be_made_is_said_to_be_so(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> bytes:
        raise ValueError("a file of metrics is not whole")

    async with door(fail) as opened:
        answer = await opened.ask(get("/metrics"))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"not whole" not in answer
    assert "metrics could not be read" in caplog.text
