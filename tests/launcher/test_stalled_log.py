"""The service while nobody reads its log: it goes on as before, and says later what was lost."""

import contextlib
import fcntl
import http.client
import os
import re
import select
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.embedded.processes import wait_for
from tests.launcher.conftest import APP, Service
from tests.launcher.test_launcher import assert_answers, workers_of

QUIET_S = 2.0
READ_TIMEOUT_S = 60
# More than are kept for a sink that stalls.
OVERFLOWING = 12_000
REPEATS, ASKED_EACH = 5, 1_000


@dataclass
class Sink:
    """The error output of the next service, which is read when the test pleases."""

    descriptor: int

    def read_until(self, enough: Callable[[bytes], bool]) -> bytes:
        """Read until there is enough, and then what comes at once."""
        data, deadline_s = b"", time.monotonic() + READ_TIMEOUT_S
        while not enough(data):
            assert time.monotonic() < deadline_s, data[-500:]
            if select.select([self.descriptor], [], [], QUIET_S)[0]:
                data += os.read(self.descriptor, 65_536)
        return data


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    # Where the service writes what it complains of; it is there before, and so it is this.
    path = tmp_path / "err-0"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    # The least that it can hold: it is full after a few lines.
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 4096)
    yield Sink(descriptor)
    os.close(descriptor)


def fill(descriptor: int) -> None:
    """Write into a pipe that nobody reads until it takes no more; whoever writes next waits."""
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"x")
    os.set_blocking(descriptor, True)


@pytest.fixture
def stalled(sink: Sink, tmp_path: Path) -> Iterator[IO[bytes]]:
    """Where the next service says what it has to say: nobody reads it, nor what it complains of."""
    with (tmp_path / "err-0").open("wb", buffering=0) as held:
        fill(held.fileno())
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        fill(writing)
        with os.fdopen(writing, "wb", buffering=0) as listening:
            yield listening
        os.close(reading)


def ask(service: Service, times: int) -> list[float]:
    """Ask for an answer again and again; each of them comes. Return how long each took."""
    connection = http.client.HTTPConnection(*service.address, timeout=20)
    took_s = []
    for _ in range(times):
        began_s = time.perf_counter()
        connection.request("GET", "/live")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        took_s.append(time.perf_counter() - began_s)
    connection.close()
    return took_s


def slow_s(service: Service) -> float:
    """Return what one answer in a hundred takes longer than."""
    return statistics.quantiles(ask(service, ASKED_EACH), n=100)[98]


def test_requests_are_answered_while_nobody_reads_the_log_and_no_line_is_lost(
    launch: Callable[..., Service], beside: dict[str, str], sink: Sink
) -> None:
    service = launch(APP, **beside, RATE_LIMIT_PER_MINUTE="100000")
    ask(service, 300)
    data = sink.read_until(lambda data: data.count(b"route=/live") == 300)
    assert b"dropped" not in data
    service.process.terminate()
    assert service.exit_code() == 0


def test_a_launcher_that_nobody_hears_replaces_its_workers_and_stops(
    launch: Callable[..., Service], beside: dict[str, str], stalled: IO[bytes], tmp_path: Path
) -> None:
    service = launch(wait=False, listening=stalled, **beside)
    wait_for(lambda: bool(workers_of(service)), timeout_s=30, what="a worker")
    (worker,) = workers_of(service)
    assert_answers(worker)
    # What it counted cannot be kept, which the launcher logs where nobody reads either.
    (dead,) = tmp_path.glob("var/metrics/*/counter_dead.db")
    dead.unlink()
    dead.mkdir()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: bool(workers_of(service) - {worker}), timeout_s=30, what="the next worker")
    assert service.stop() == 0


def test_a_service_that_cannot_start_ends_though_nobody_hears_why(
    launch: Callable[..., Service], stalled: IO[bytes]
) -> None:
    service = launch(wait=False, listening=stalled, ENV="production", DEBUG="yes")
    assert service.exit_code() == 2


@pytest.mark.long
def test_after_ten_thousand_lines_further_ones_are_dropped_counted_and_told(
    launch: Callable[..., Service],
    beside: dict[str, str],
    sink: Sink,
) -> None:
    service = launch(APP, **beside, RATE_LIMIT_PER_MINUTE="100000")
    ask(service, OVERFLOWING)
    data = sink.read_until(lambda data: b"log lines were dropped." in data)
    told = re.search(rb"(\d+) log lines were dropped\.", data)
    assert told
    dropped = int(told[1])
    assert 0 < dropped < 2_100
    data += sink.read_until(lambda more: (data + more).count(b"route=/live") >= OVERFLOWING - dropped)
    # The sink goes on: what is said now is written at once.
    ask(service, 500)
    sink.read_until(lambda data: data.count(b"route=/live") >= 500)
    service.process.terminate()
    assert service.exit_code() == 0


@pytest.mark.long
def test_a_log_that_nobody_reads_is_compared_with_one_that_is_read(
    launch: Callable[..., Service], beside: dict[str, str], sink: Sink, tmp_path: Path
) -> None:
    plenty = beside | {"RATE_LIMIT_PER_MINUTE": "1000000"}
    stalled = launch(APP, **plenty)
    read = launch(APP, **plenty, VAR_DIR=str(tmp_path / "other"))
    # From here on each of its lines is dropped.
    ask(stalled, OVERFLOWING)
    ask(read, ASKED_EACH)
    # One after the other, again and again: what a busy machine does to one it does to the other.
    ratios = [slow_s(stalled) / slow_s(read) for _ in range(REPEATS)]
    # A ratio of times is told, and no reason to fail; that all were answered and the loss is told, is.
    sys.stdout.write(
        f"p99 with a stalled log to p99 with a read one: {[round(each, 2) for each in ratios]}\n"
    )
    sink.read_until(lambda data: b"log lines were dropped." in data)
    for service in (stalled, read):
        assert service.stop() == 0
