"""A PostgreSQL that recovers is waited for while it says so; its recovery lasts until the test ends it."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app_extensions import embedded_postgres, embedded_process
from app_extensions.embedded import EmbeddedError, embedded_servers
from tests.embedded.conftest import sql
from tests.embedded.processes import watching

DEADLINE_S = 60
PATIENCE_S = 2.0
STILL = "The embedded PostgreSQL is still getting ready, as after a sudden end. That can take minutes."


class Recovery:
    """Let PostgreSQL look for its log in an archive, which answers when it is told to."""

    def __init__(self, var_dir: Path) -> None:
        self._data = var_dir / "postgres/data"
        self._archive = var_dir / "archive-is-there"

    def prepare(self) -> None:
        """Let the next start recover, and not end that by itself."""
        wait = f'while [ ! -e "{self._archive}" ]; do sleep 0.05; done; exit 1'
        with (self._data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = '{wait}'\n")
        (self._data / "recovery.signal").touch()

    def end(self) -> None:
        self._archive.touch()


@pytest.fixture
def recovery(tmp_path: Path) -> Iterator[Recovery]:
    recovery = Recovery(tmp_path)
    yield recovery
    recovery.end()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is a moment, and it is said that it lasts when a silent server would be given up already."""
    monkeypatch.setattr(embedded_postgres, "START_TIMEOUT_S", PATIENCE_S / 2)
    monkeypatch.setattr(embedded_process, "TELL_AFTER_S", PATIENCE_S)


def make_database(var_dir: Path) -> None:
    with embedded_servers(var_dir, postgres=True, valkey=False) as addresses:
        sql(addresses.db_connection_string, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")


def test_a_start_waits_for_a_recovery_and_says_so_once(
    tmp_path: Path, recovery: Recovery, impatient: None
) -> None:
    make_database(tmp_path)
    recovery.prepare()
    said: list[str] = []

    def hear(sentence: str) -> None:
        said.append(sentence)
        if sentence == STILL:
            recovery.end()

    with embedded_servers(tmp_path, postgres=True, valkey=False, say=hear) as addresses:
        assert sql(addresses.db_connection_string, "SELECT n FROM kept") == 7
    assert said == ["Starting the embedded PostgreSQL.", STILL]


def test_a_recovery_that_does_not_end_is_given_up(
    tmp_path: Path, recovery: Recovery, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_database(tmp_path)
    recovery.prepare()
    monkeypatch.setattr(embedded_process, "RECOVERY_TIMEOUT_S", 2 * PATIENCE_S)
    with (
        pytest.raises(
            EmbeddedError, match=r"^The embedded PostgreSQL was not ready after 4 seconds: read .*"
        ),
        embedded_servers(tmp_path, postgres=True, valkey=False),
    ):
        raise AssertionError("it runs")


def test_a_service_that_stops_does_not_wait_for_a_recovery(tmp_path: Path, recovery: Recovery) -> None:
    said: list[str] = []
    recovering = threading.Event()

    def hear(sentence: str) -> None:
        said.append(sentence)
        if sentence == STILL:
            recovering.set()

    with embedded_servers(tmp_path, postgres=True, valkey=False, say=hear):
        recovery.prepare()
        killed = int((tmp_path / "postgres/data/postmaster.pid").read_text().split()[0])
        with watching({killed}) as still_running_after:
            os.kill(killed, signal.SIGKILL)
            assert still_running_after(DEADLINE_S) == []
        assert recovering.wait(DEADLINE_S)
    # Nothing was left to be said of it, not even that it took too long.
    assert said[-1] == STILL
