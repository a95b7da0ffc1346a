"""Chromium, the product as a process of its own, and the Node process that drives the one with the other."""

import asyncio
import json
import os
import selectors
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app_extensions.db_pool import close_pool, open_pool
from app_extensions.embedded import embedded_servers
from app_extensions.migrations import migrate_blocking
from tests.databases import create_database
from tests.launcher.conftest import APP, STOP_TIMEOUT_S, Service, launch
from tests.user_maker import making_users
from utils.accounts import Role

__all__ = ["launch"]

HERE = Path(__file__).parent
SECRET_KEY = "a-key-that-only-the-tests-know-0123456789"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
USERNAME, PASSWORD = "ada", "a sentence that only I know"
START_TIMEOUT_S = 60
# One that is named, and takes minutes, has its own limits in it.
TEST_TIMEOUT_S = 1_200


def find_chromium() -> str | None:
    """Return the path of a browser, if there is one."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


def missing() -> str | None:
    """Return what the tests of the page cannot run without, and is not here."""
    if find_chromium() is None:
        return "Chromium is not installed"
    if not shutil.which("node"):
        return "Node.js is not installed"
    if not (HERE / "node_modules/playwright-core").is_dir():
        return "their npm packages are not installed: run npm ci in tests/browser"
    return None


class Failed(Exception):
    """Say what a test of the page found wrong."""


class Driver:
    """Ask the Node process for one test after the other."""

    def __init__(self, chromium: str, url: str) -> None:
        accounts = json.dumps({"username": USERNAME, "password": PASSWORD})
        self._process = subprocess.Popen(
            ["node", "run.mjs", chromium, url, accounts],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._answer(START_TIMEOUT_S)

    def run(self, file: str, name: str) -> dict[str, Any]:
        """Run one test and return its figures. Raises: Failed."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"file": file, "name": name}) + "\n")
        self._process.stdin.flush()
        answer = self._answer(TEST_TIMEOUT_S)
        if not answer["ok"]:
            raise Failed(answer["error"])
        return dict(answer["figures"])

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.stdout.close()

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                self._process.kill()
                raise Failed(f"The browser did not answer within {timeout_s} s.")
        line = self._process.stdout.readline()
        try:
            return dict(json.loads(line))
        except ValueError:
            # Node's own complaint: it has ended, or is about to.
            self._process.kill()
            raise Failed(line + self._process.stdout.read()) from None


async def make_user(dsn: str, role: Role) -> None:
    """Make the user of these tests in a database that is up to date."""
    pool = await open_pool(dsn)
    with making_users(pool) as accounts:
        await accounts.create_user(USERNAME, PASSWORD, role)
    await close_pool(pool)


@pytest.fixture(scope="session")
def site(empty_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The product on the simulated market, with a database and a Valkey that no other test empties."""
    home = tmp_path_factory.mktemp("site")
    page_dsn = asyncio.run(create_database(empty_dsn, "page"))
    with embedded_servers(home, postgres=False, valkey=True, durable=False) as addresses:
        assert addresses.redis_url
        migrate_blocking(page_dsn)
        asyncio.run(make_user(page_dsn, Role.ADMIN))
        environment = {
            "ENV": "test",
            "SECRET_KEY": SECRET_KEY,
            "PORT": "0",
            "VAR_DIR": str(home / "var"),
            "DB_CONNECTION_STRING": page_dsn,
            "REDIS_URL": addresses.redis_url,
            "RATE_LIMIT_PER_MINUTE": "100000",
            "WS_MAX_PER_ADDRESS": "1000",
            "DEFAULT_MARKET": "simulated",
            "DEFAULT_EXCHANGE": "simex",
        }
        service = Service(APP, environment, home)
        try:
            service.wait_until_said("To stop it, press Ctrl-C.")
            yield service
        finally:
            service.process.terminate()
            service.process.wait(STOP_TIMEOUT_S)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; without it and its packages there is no test of the page."""
    lacking = missing()
    if lacking and os.environ.get("CI"):
        pytest.fail(f"The page is not tested, because {lacking}; in CI that is a failure.")
    if lacking:
        pytest.skip(f"THE PAGE IS NOT TESTED, because {lacking}.")
    found = find_chromium()
    assert found
    return found


@pytest.fixture(scope="session")
def driver(chromium: str, request: pytest.FixtureRequest) -> Iterator[Driver]:
    site: Service = request.getfixturevalue("site")
    opened = Driver(chromium, site.url)
    yield opened
    opened.close()
