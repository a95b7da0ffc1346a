"""Where log lines go: through a bounded queue to one writer thread, so that a stalled sink stops nobody.

A terminal or a pipe that nobody reads blocks whoever writes to it. Here that is the writer thread alone;
when the queue is full, lines are dropped and counted, and the count is written as soon as it can be.
"""

import logging
import logging.handlers
import os
import queue
import select
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from services.worker_name import worker_name
from utils.log_text import json_line, plain_line, safe_fields

STDERR = 2
QUEUE_LINES_MAX = 10_000
BATCH_LINES_MAX = 100
CLOSE_TIMEOUT_S = 1.0
WRITABLE_POLL_S = 1.0
TIMESTAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
# What every record has; whatever else is on one was given as extra.
RECORD_NAMES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def _say_lost(lost: int) -> bytes:
    return f"{lost} log lines were dropped.\n".encode()


class LineWriter:
    """Write lines to a descriptor from a thread of its own."""

    def __init__(
        self,
        descriptor: int = STDERR,
        capacity: int = QUEUE_LINES_MAX,
        say_lost: Callable[[int], bytes] = _say_lost,
    ) -> None:
        self._descriptor = descriptor
        self._say_lost = say_lost
        self._lines: queue.Queue[bytes | None] = queue.Queue(capacity)
        self._reported = 0
        self._refused = 0  # counted by whoever logs
        self._unwritten = 0  # counted by the thread
        # A daemon: a stalled sink may not keep the process from ending either.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Return how many lines were lost so far."""
        return self._refused + self._unwritten

    def put(self, line: bytes) -> None:
        """Hand over one line, its line end included; never waits."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.count_refused()

    def count_refused(self) -> None:
        """Count a line that never came to be."""
        self._refused += 1

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Write what is left, as far as the time allows."""
        try:
            self._lines.put(None, timeout=timeout_s)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            batch = [line]
            while len(batch) < BATCH_LINES_MAX and not self._lines.empty():
                following = self._lines.get()
                if following is None:
                    self._write(batch)
                    return
                batch.append(following)
            self._write(batch)

    def _write(self, batch: list[bytes]) -> None:
        dropped = self.dropped
        if dropped > self._reported:
            batch = [*batch, self._say_lost(dropped - self._reported)]
        rest = b"".join(batch)
        try:
            while rest:
                rest = rest[self._write_some(rest) :]
        except OSError:
            # The sink is closed or full: nobody can be told but by the count.
            self._unwritten += len(batch)
        else:
            self._reported = max(self._reported, dropped)

    def _write_some(self, rest: bytes) -> int:
        # Straight to the descriptor: a buffered stream would hold a lock when the process ends.
        try:
            return os.write(self._descriptor, rest)
        except BlockingIOError:
            select.select([], [self._descriptor], [], WRITABLE_POLL_S)
            return 0


class LineHandler(logging.handlers.QueueHandler):
    """Render records where they are made, since the request's id is known there, and queue the lines."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__(queue.Queue())
        self.writer = writer

    def prepare(self, record: logging.LogRecord) -> Any:
        """Return the finished line."""
        return self.format(record).encode("utf-8", "backslashreplace") + b"\n"

    def enqueue(self, record: Any) -> None:
        """Hand the line to the writer."""
        self.writer.put(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the name is logging's
        """Count a record that cannot be rendered; logging's own way prints, which may block."""
        self.writer.count_refused()


class LineFormatter(logging.Formatter):
    """Make one line of a record, of what it was given beside its text, and of the request it belongs to.

    structlog's ProcessorFormatter says the same in three times the time, and every request has a line.
    """

    def __init__(self, render: Callable[[Mapping[str, Any]], str], **always: str) -> None:
        super().__init__()
        self._render = render
        # What every line of this process says.
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets."""
        fields: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime(TIMESTAMP),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **self._always,
            **structlog.contextvars.get_contextvars(),
        }
        fields |= {name: value for name, value in record.__dict__.items() if name not in RECORD_NAMES}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        return self._render(safe_fields(fields))


def setup_logging(level: str, *, json: bool, descriptor: int = STDERR) -> LineWriter:
    """Send all logging through the queue: JSON lines, or plain readable ones without colours.

    A JSON line names the worker, since the lines of all of them meet in one place.
    Returns the writer, to be closed as the last thing the process does.
    """
    formatter = LineFormatter(json_line, worker=worker_name()) if json else LineFormatter(plain_line)

    def say_lost(lost: int) -> bytes:
        fields = {
            "name": __name__,
            "levelname": "WARNING",
            "msg": "%d log lines were dropped.",
            "args": (lost,),
        }
        record = logging.makeLogRecord(fields | {"dropped": lost})
        return formatter.format(record).encode() + b"\n"

    writer = LineWriter(descriptor, say_lost=say_lost)
    handler = LineHandler(writer)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for earlier in [known for known in root.handlers if isinstance(known, LineHandler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level)
    return writer
