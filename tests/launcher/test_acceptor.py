"""How connections are let in: in turn with those that are here, bounded, and not after the end."""

import asyncio
import contextlib
import logging
import resource
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from app_extensions import acceptor
from app_extensions.acceptor import patient
from app_extensions.server_socket import bound_socket

DEADLINE_S = 10
IN_LINE = 50
# Half a millisecond of work for each who comes, and for each word of those who are here.
WORK_S = 0.000_5
# More than a run of the tests has open.
FILES_MAX = 512
LOOPS = [asyncio.SelectorEventLoop, uvloop.Loop]


class Busy(asyncio.Protocol):
    """Answers each word, and works for it."""

    here: list["Busy"]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.here.append(self)
        work()

    def data_received(self, _: bytes) -> None:
        work()
        self.transport.write(b"%d" % len(self.here))


async def all_gone(kind: type[Busy]) -> None:
    for each in kind.here:
        each.transport.abort()
    # A transport closes its socket in one of the next rounds.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - neither a protocol nor a log can set an event
            await asyncio.sleep(0.001)


def work() -> None:
    until_s = time.perf_counter() + WORK_S
    while time.perf_counter() < until_s:
        pass


@contextlib.contextmanager
def listening() -> Iterator[socket.socket]:
    with bound_socket("127.0.0.1", 0) as listener:
        listener.listen(IN_LINE * 2)
        yield listener


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with contextlib.suppress(OSError):
            while True:
                stack.enter_context(socket.socket())
        yield


def come(stack: contextlib.ExitStack, address: tuple[str, int], count: int) -> list[socket.socket]:
    return [stack.enter_context(socket.create_connection(address, DEADLINE_S)) for _ in range(count)]


def let_in_while_busy(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> int:
    """Return how many of a line are let in while the loop always has something else to do."""
    kind = type("Kind", (Busy,), {"here": []})

    async def serve(stack: contextlib.ExitStack, listener: socket.socket) -> int:
        server = await asyncio.get_running_loop().create_server(kind, sock=listener)
        come(stack, listener.getsockname(), IN_LINE)
        for _ in range(IN_LINE):
            work()
            await asyncio.sleep(0)
        here = len(kind.here)
        await until(lambda: len(kind.here) == IN_LINE)
        server.close()
        await all_gone(kind)
        return here

    with contextlib.ExitStack() as stack, asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(serve(stack, stack.enter_context(listening())))


@pytest.mark.parametrize("loop_class", LOOPS)
def test_who_is_here_comes_before_who_stands_in_line(loop_class: type[asyncio.AbstractEventLoop]) -> None:
    assert let_in_while_busy(loop_class) > IN_LINE / 2
    assert 1 <= let_in_while_busy(patient(loop_class)) < IN_LINE / 4


@pytest.mark.parametrize("loop_class", LOOPS)
def test_all_who_stand_in_line_are_let_in(loop_class: type[asyncio.AbstractEventLoop]) -> None:
    kind = type("Kind", (Busy,), {"here": []})

    async def serve(stack: contextlib.ExitStack, listener: socket.socket) -> None:
        server = await asyncio.get_running_loop().create_server(kind, sock=listener)
        clients = come(stack, listener.getsockname(), IN_LINE)
        await until(lambda: len(kind.here) == IN_LINE)
        assert {each.transport.get_extra_info("peername") for each in kind.here} == {
            client.getsockname() for client in clients
        }
        server.close()
        await all_gone(kind)

    with contextlib.ExitStack() as stack, asyncio.Runner(loop_factory=patient(loop_class)) as runner:
        runner.run(serve(stack, stack.enter_context(listening())))


@pytest.mark.parametrize("loop_class", LOOPS)
def test_after_the_end_nobody_comes_in_and_who_is_here_stays(
    loop_class: type[asyncio.AbstractEventLoop],
) -> None:
    kind = type("Kind", (Busy,), {"here": []})

    async def serve(listener: socket.socket) -> None:
        address = listener.getsockname()
        server = await asyncio.get_running_loop().create_server(kind, sock=listener)
        assert server.is_serving()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"first")
        assert await reader.read(8) == b"1"

        server.close()
        await server.wait_closed()

        assert not server.is_serving()
        assert server.sockets == ()
        writer.write(b"still here")
        assert await reader.read(8) == b"1"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        writer.close()
        await all_gone(kind)

    with listening() as listener, asyncio.Runner(loop_factory=patient(loop_class)) as runner:
        runner.run(serve(listener))


def test_where_files_have_run_out_the_next_are_let_in_when_there_are_some(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "EXHAUSTED_REST_S", 0.01)
    kind = type("Kind", (Busy,), {"here": []})

    async def serve(client: socket.socket, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with no_more_files():
            server = await loop.create_server(kind, sock=listener)
            await until(lambda: "no connection can be taken" in caplog.text)
        client.sendall(b"here")
        client.setblocking(False)
        async with asyncio.timeout(DEADLINE_S):
            assert await loop.sock_recv(client, 8) == b"1"
        server.close()
        await all_gone(kind)

    with (
        caplog.at_level(logging.WARNING),
        listening() as listener,
        socket.create_connection(listener.getsockname(), DEADLINE_S) as client,
        asyncio.Runner(loop_factory=patient(uvloop.Loop)) as runner,
    ):
        runner.run(serve(client, listener))
