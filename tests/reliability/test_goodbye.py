"""Listeners who leave as a browser does whose tab is closed: a goodbye, and no wait for its answer."""

from collections.abc import Callable

import pytest

from tests.embedded.processes import wait_for
from tests.launcher.conftest import Service

CLIENTS = 40
HELLO = b"\x81\x05hello"
# A close frame with the code 1000, masked with the mask 0.
GOODBYE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


def read_head(connection) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (more := connection.recv(1)):
        head += more
    return head


@pytest.mark.parametrize("server", ["hypercorn", "uvicorn"])
def test_who_waits_for_no_answer_to_a_goodbye_leaves_nothing_behind(
    launch: Callable[..., Service], beside: dict[str, str], server: str
) -> None:
    service = launch(SERVER=server, **beside)
    before = service.get("/health")
    for _ in range(CLIENTS):
        with service.ask(service.upgrade("/deaf")) as connection:
            assert read_head(connection).startswith(b"HTTP/1.1 101")
            # What is left unread would turn the end into a reset, which was never a problem.
            assert connection.recv(64) == HELLO
            connection.sendall(GOODBYE)

    def let_go() -> bool:
        now = service.get("/health")
        return now["descriptors"] <= before["descriptors"] + 2 and now["tasks"] <= before["tasks"] + 4

    wait_for(let_go, timeout_s=10, what="descriptors and tasks back where they were")
    assert service.complained == ""
