"""The launcher as a process of its own, and ways to watch it."""

import contextlib
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from app_extensions.embedded import EmbeddedAddresses
from tests.databases import database_beside
from tests.embedded.processes import wait_for
from tests.launcher.authority import Authority

ROOT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).with_name("tiny_app.py")
APP = ROOT / "app.py"
READY_TIMEOUT_S = 90
STOP_TIMEOUT_S = 40


class Service:
    """A launcher that was started, and what it has said so far."""

    def __init__(
        self, program: Path, environment: dict[str, str], home: Path, listening: IO[bytes] | None = None
    ) -> None:
        self._out = home / f"out-{len(list(home.glob('out-*')))}"
        self._err = self._out.with_name(self._out.name.replace("out", "err"))
        self._past = 0
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(program)],
                stdin=subprocess.DEVNULL,
                stdout=listening or out,
                stderr=err,
                # What a test's own machine has set must not reach it.
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home)} | environment,
                cwd=home,
                # As a shell does, so that a Ctrl-C can be sent as a terminal sends it.
                process_group=0,
            )

    @property
    def said(self) -> str:
        return self._out.read_text()

    @property
    def complained(self) -> str:
        """What it has complained of since a page was turned."""
        return self._err.read_bytes()[self._past :].decode()

    def turn_page(self) -> None:
        """Leave what was complained of so far to those who were there."""
        self._past = self._err.stat().st_size

    @property
    def url(self) -> str:
        ready = re.search(r"is ready at (https?://\S+)", self.said)
        assert ready, self.said
        return ready[1]

    @property
    def metrics_url(self) -> str:
        there = re.search(r"Metrics for Prometheus are at (http://\S+/metrics)", self.said)
        assert there, self.said
        return there[1]

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.partition("://")[2].rsplit(":", 1)
        return host, int(port)

    def wait_until_said(self, words: str, timeout_s: float = READY_TIMEOUT_S) -> None:
        def heard() -> bool:
            assert self.process.poll() is None or words in self.said, self.said + self.complained
            return words in self.said

        wait_for(heard, timeout_s=timeout_s, what=words)

    def get(self, path: str, timeout_s: float = 20) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=timeout_s) as answer:
            return json.loads(answer.read())

    def ask(self, text: str) -> socket.socket:
        """Send raw text over a connection of its own, and return the connection."""
        connection = socket.create_connection(self.address, timeout=STOP_TIMEOUT_S)
        connection.sendall(text.encode())
        return connection

    def begin(self, path: str) -> socket.socket:
        """Send a request whose answer is read later."""
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def upgrade(self, path: str, more: str = "") -> str:
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(number)
        return self.exit_code()

    def kill(self) -> None:
        """Kill it and its workers at once; no goodbye is said."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)

    def exit_code(self) -> int:
        return self.process.wait(STOP_TIMEOUT_S)


class StandingService(Service):
    """A tiny app that many tests ask, one after the other."""

    baseline: dict[str, int]

    def assert_nothing_is_kept(self) -> None:
        """Assert that it soon holds no more than when it had just begun."""

        def let_go() -> bool:
            now, before = self.get("/health"), self.baseline
            return now["descriptors"] <= before["descriptors"] + 2 and now["tasks"] <= before["tasks"] + 4

        wait_for(let_go, timeout_s=10, what="descriptors and tasks back where they were")

    def end(self) -> None:
        """Stop it, in order and without a word of what went wrong."""
        self._past = 0
        try:
            assert self.stop() == 0
            assert "Traceback" not in self.complained
        finally:
            self.process.kill()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a launcher: the tiny app on a free port unless told otherwise."""
    with contextlib.ExitStack() as stack:

        def start(
            program: Path = TINY,
            *,
            wait: bool = True,
            listening: IO[bytes] | None = None,
            **environment: str,
        ) -> Service:
            settings = {"PORT": "0", "METRICS_PORT": "0", "VAR_DIR": str(tmp_path / "var"), "ENV": "test"}
            service = Service(program, settings | environment, tmp_path, listening)
            stack.callback(service.process.wait, STOP_TIMEOUT_S)
            stack.callback(service.process.kill)
            if wait:
                service.wait_until_said("To stop it, press Ctrl-C.")
            return service

        yield start


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that only this test trusts."""
    return Authority(tmp_path / "authority")


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_library(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings under which the event loop is this library's; there is not a uvloop for every machine."""
    if request.param == "uvloop":
        return {}
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "uvloop.py").write_text("raise ImportError\n")
    return {"PYTHONPATH": f"{hidden}{os.pathsep}{ROOT}"}


@pytest.fixture(scope="session")
def beside(servers: EmbeddedAddresses, template: str) -> dict[str, str]:
    """Settings that use the servers of the tests, so that a start is quick."""
    assert servers.db_connection_string
    assert servers.redis_url
    return {
        "DB_CONNECTION_STRING": database_beside(servers.db_connection_string, template),
        "REDIS_URL": servers.redis_url,
    }


@pytest.fixture(scope="session")
def services_that_stand(
    beside: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], StandingService]]:
    """Starts the tiny app once on each server, for all who leave it as it was; it has to stop in order."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(server: str) -> StandingService:
            home = tmp_path_factory.mktemp(server)
            settings = {"PORT": "0", "METRICS_PORT": "0", "VAR_DIR": str(home / "var"), "ENV": "test"}
            service = StandingService(TINY, settings | {"SERVER": server} | beside, home)
            stack.callback(service.end)
            service.wait_until_said("To stop it, press Ctrl-C.")
            service.baseline = service.get("/health")
            return service

        yield start


@pytest.fixture(params=["hypercorn", "uvicorn"])
def standing(
    request: pytest.FixtureRequest, services_that_stand: Callable[[str], StandingService]
) -> Iterator[StandingService]:
    """The tiny app on each server; whatever a test does to it, nothing of that may be left afterwards."""
    service = services_that_stand(request.param)
    service.turn_page()
    yield service
    service.assert_nothing_is_kept()
