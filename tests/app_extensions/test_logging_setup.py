import asyncio
import contextlib
import fcntl
import json
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import structlog

from app_extensions.logging_setup import LineHandler, LineWriter, setup_logging
from services.worker_name import worker_name

log = logging.getLogger("product.part")


class Pipe:
    """A sink that the test reads when it pleases."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        # The least a pipe can hold: it is full soon.
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, 4096)
        self._data = b""

    def read_until(self, enough: Callable[[bytes], bool], timeout_s: float = 10) -> bytes:
        deadline_s = time.monotonic() + timeout_s
        # Asked once a pipe is empty, and not after every few bytes: asking is what takes the time.
        while not enough(self._data):
            assert time.monotonic() < deadline_s, self._data[-500:]
            pieces = []
            while select.select([self.reading], [], [], 0.05)[0] and time.monotonic() < deadline_s:
                pieces.append(os.read(self.reading, 65_536))
            self._data += b"".join(pieces)
        return self._data

    def close(self) -> None:
        for descriptor in (self.reading, self.writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    opened = Pipe()
    yield opened
    opened.close()


@contextlib.contextmanager
def logging_to(pipe: Pipe, *, json: bool = True) -> Iterator[LineWriter]:
    """Log into the pipe alone: pytest's own handlers write into records, and complain about broken ones."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers[:] = []
    writer = setup_logging("INFO", json=json, descriptor=pipe.writing)
    try:
        yield writer
    finally:
        writer.close()
        root.handlers[:] = handlers
        root.setLevel(level)


def test_a_line_of_json_has_what_was_said_and_the_request_id(pipe: Pipe) -> None:
    with logging_to(pipe):
        with structlog.contextvars.bound_contextvars(request_id="abc"):
            log.info("bars fetched", extra={"count": 5, "password": "hunter2"})
        log.debug("not important")
        try:
            int("inner")
        except ValueError:
            log.exception("failed\nforged")
    lines = pipe.read_until(lambda data: data.count(b"\n") == 2).splitlines()
    first, second = (json.loads(line) for line in lines)
    assert first.pop("timestamp").endswith("Z")
    assert first.pop("worker") == second["worker"] == worker_name()
    assert first == {
        "level": "info",
        "logger": "product.part",
        "event": "bars fetched",
        "request_id": "abc",
        "count": 5,
        "password": "[redacted]",
    }
    assert second["event"] == "failed\nforged"
    assert second["exception"].startswith("Traceback")
    assert "request_id" not in second


def test_plain_lines_carry_no_colours(pipe: Pipe) -> None:
    with logging_to(pipe, json=False):
        log.warning("the cache is away", extra={"seconds": 3})
    text = pipe.read_until(lambda data: b"\n" in data).decode()
    assert text.rstrip("\n").endswith("Z warning product.part: the cache is away seconds=3")
    assert "\x1b" not in text


async def test_a_sink_that_nobody_reads_stops_nobody_and_the_loss_is_told(pipe: Pipe) -> None:
    said = 11_000

    def say_much() -> None:
        for number in range(said):
            log.info("request answered", extra={"number": number, "padding": "x" * 100})

    with logging_to(pipe) as writer:
        async with asyncio.timeout(30):
            await asyncio.to_thread(say_much)
        lost = writer.dropped
        data = await asyncio.to_thread(pipe.read_until, lambda data: b"log lines were dropped." in data)
    assert 0 < lost < 1_000 + 100
    (told,) = (json.loads(line) for line in data.splitlines() if b"were dropped" in line)
    assert (told["event"], told["dropped"]) == (f"{lost} log lines were dropped.", lost)
    assert (told["level"], told["worker"]) == ("warning", worker_name())
    everything = await asyncio.to_thread(
        pipe.read_until, lambda data: data.count(b'"event":"request answered"') == said - lost
    )
    assert everything.count(b"\n") == said - lost + 1


def test_closing_does_not_wait_for_a_stalled_sink(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writing, capacity=10)
    for _ in range(100):
        writer.put(b"x" * 1_000 + b"\n")
    began_s = time.monotonic()
    writer.close(timeout_s=0.2)
    assert time.monotonic() - began_s < 5
    assert writer.dropped > 0


def test_a_closed_sink_is_counted_and_survived(pipe: Pipe) -> None:
    os.close(pipe.reading)
    writer = LineWriter(pipe.writing)
    writer.put(b"one\n")
    writer.put(b"two\n")
    writer.close()
    assert writer.dropped == 2


def test_a_sink_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    writer = LineWriter(pipe.writing)
    for number in range(1_000):
        writer.put(f"{number:06} {'x' * 90}\n".encode())
    data = pipe.read_until(lambda data: data.count(b"\n") == 1_000)
    writer.close()
    assert [int(line[:6]) for line in data.splitlines()] == list(range(1_000))
    assert writer.dropped == 0


def test_a_value_that_cannot_be_told_costs_its_line_only(
    pipe: Pipe, capfd: pytest.CaptureFixture[str]
) -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    with logging_to(pipe):
        log.info("mute", extra={"value": Mute()})
        log.info("%d wrong arguments", "x")
        log.info("after")
    data = pipe.read_until(lambda data: b"dropped" in data)
    assert b'"event":"after"' in data
    assert b"2 log lines were dropped." in data
    assert capfd.readouterr().err == ""


def test_setting_up_again_does_not_double_the_lines(pipe: Pipe) -> None:
    with logging_to(pipe):
        writer = setup_logging("INFO", json=True, descriptor=pipe.writing)
        log.info("once")
        writer.close()
        handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, LineHandler)]
    assert pipe.read_until(lambda data: b"once" in data).count(b"once") == 1
    assert len(handlers) == 1


def test_the_writer_leaves_no_thread(pipe: Pipe) -> None:
    before = threading.active_count()
    writer = LineWriter(pipe.writing)
    assert threading.active_count() == before + 1
    writer.close()
    assert threading.active_count() == before
