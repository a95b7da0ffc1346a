"""The pages of docs/charts.md as somebody would serve them, and beside them the product."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app_extensions.embedded import EmbeddedAddresses
from tests.browser.conftest import HERE as BROWSER
from tests.browser.conftest import SECRET_KEY, Driver, chromium
from tests.databases import database_beside
from tests.docs.reading import ROOT, blocks
from tests.launcher.conftest import APP, STOP_TIMEOUT_S, Service

__all__ = ["chromium"]

DOCUMENT = ROOT / "docs/charts.md"
SERVICE_ADDRESS = "http://127.0.0.1:5000"
LIBRARIES = ("highcharts", "lightweight-charts")
SERVING = re.compile(r"port (?P<port>\d+)")


def pages() -> dict[str, str]:
    """Return the pages of the document by name."""
    return {block.heading: block.text for block in blocks(DOCUMENT.read_text()) if block.language == "html"}


@dataclass
class Folder:
    """A folder that is served, and the origin of its pages."""

    path: Path
    origin: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    path = tmp_path_factory.mktemp("folder")
    (path / "node_modules").symlink_to(BROWSER / "node_modules")
    # Browsers ask for it, and complain where there is none.
    (path / "favicon.ico").touch()
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout
            told = SERVING.search(server.stdout.readline())
            assert told
            yield Folder(path, f"http://localhost:{told['port']}")
        finally:
            server.terminate()
            server.wait(STOP_TIMEOUT_S)


@pytest.fixture(scope="module")
def service(
    folder: Folder, servers: EmbeddedAddresses, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The product, which lets the pages of the folder in."""
    assert servers.db_connection_string
    assert servers.redis_url
    home = tmp_path_factory.mktemp("service")
    environment = {
        "ENV": "test",
        "SECRET_KEY": SECRET_KEY,
        "PORT": "0",
        "VAR_DIR": str(home / "var"),
        "DB_CONNECTION_STRING": database_beside(servers.db_connection_string, template),
        "REDIS_URL": servers.redis_url,
        "RATE_LIMIT_PER_MINUTE": "100000",
        "TRUSTED_ORIGINS": folder.origin,
    }
    started = Service(APP, environment, home)
    try:
        started.wait_until_said("To stop it, press Ctrl-C.")
        yield started
    finally:
        started.process.terminate()
        started.process.wait(STOP_TIMEOUT_S)


@pytest.fixture(scope="module")
def driver(chromium: str, request: pytest.FixtureRequest) -> Iterator[Driver]:
    absent = [name for name in LIBRARIES if not (BROWSER / "node_modules" / name).is_dir()]
    if absent and os.environ.get("CI"):
        pytest.fail(f"Run npm ci in tests/browser: {absent} are not there; in CI that is a failure.")
    if absent:
        pytest.skip(
            f"THE CHARTS ARE NOT TESTED, because {absent} are not there: run npm ci in tests/browser."
        )
    folder: Folder = request.getfixturevalue("folder")
    service: Service = request.getfixturevalue("service")
    for name, text in pages().items():
        (folder.path / name).write_text(text.replace(SERVICE_ADDRESS, service.url))
    (folder.path / "service.txt").write_text(service.url)
    opened = Driver(chromium, folder.origin)
    yield opened
    opened.close()
