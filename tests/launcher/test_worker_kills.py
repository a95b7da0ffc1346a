"""Workers that die one after the other: each is replaced, and the clients of the others notice nothing."""

import contextlib
import os
import re
import select
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterable

import pytest

from tests.embedded.processes import started_at, wait_for
from tests.launcher.conftest import Service
from tests.launcher.test_hypercorn_guard import read_head
from tests.launcher.test_launcher import workers_of

# One that dies five times within a minute ends the service: of five, each dies four times.
WORKERS, KILLS = 5, 20
CLIENTS = 25
HELLO = b"\x81\x05hello"


def join(service: Service) -> tuple[socket.socket, int]:
    """Become a client, and return the connection and the worker that has it."""
    connection = service.ask(service.upgrade("/polite"))
    told = re.search(rb"worker: (\d+)", read_head(connection).lower())
    assert told
    assert connection.recv(len(HELLO), socket.MSG_WAITALL) == HELLO
    return connection, int(told[1])


def ended(connections: Iterable[socket.socket]) -> set[socket.socket]:
    """Return those on which something happens: nobody says anything to these clients but a goodbye."""
    return set(select.select(list(connections), [], [], 0)[0])


def kill(service: Service, worker: int) -> float:
    """Kill a worker, and ask without a pause; return after how many seconds the next one answered."""
    before = workers_of(service)
    began_s = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    # Each of these is a new connection, and none of them may be refused.
    wait_for(
        lambda: service.get("/health")["worker"] not in before,
        timeout_s=30,
        what="an answer of the next worker",
    )
    return time.monotonic() - began_s


@pytest.mark.long
def test_of_twenty_that_die_each_is_replaced_and_the_clients_of_the_others_stay(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    service = launch(WORKERS=str(WORKERS), **beside)
    clients: dict[socket.socket, int] = {}
    replaced_s, lost = [], 0
    with contextlib.ExitStack() as stack:
        for _ in range(KILLS):
            while len(clients) < CLIENTS:
                connection, worker = join(service)
                clients[stack.enter_context(connection)] = worker
            victim = min(workers_of(service), key=started_at)
            replaced_s.append(kill(service, victim))
            theirs = {connection for connection, worker in clients.items() if worker == victim}
            assert ended(clients) == theirs
            lost += len(theirs)
            clients = {each: worker for each, worker in clients.items() if each not in theirs}
    sys.stdout.write(
        f"the next worker answered after {statistics.median(replaced_s):.1f} s in the middle and "
        f"{max(replaced_s):.1f} s at most; {lost} clients lost theirs\n"
    )
    assert lost
    assert service.stop() == 0
