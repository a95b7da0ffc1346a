"""The head of a request on uvicorn's fast parser: bounded, and no more than that."""

from tests.launcher.conftest import StandingService
from tests.launcher.test_hypercorn_guard import read_head

HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: "


def test_a_head_that_does_not_end_is_refused(standing: StandingService) -> None:
    with standing.ask("") as connection:
        connection.settimeout(5)
        connection.sendall(HEAD + b"x" * 40_000)
        assert read_head(connection).split()[1] in (b"400", b"431")


def test_an_ordinary_long_head_is_answered(standing: StandingService) -> None:
    with standing.ask("") as connection:
        connection.settimeout(5)
        connection.sendall(HEAD + b"x" * 8_000 + b"\r\n\r\n")
        assert read_head(connection).split()[1] == b"200"
