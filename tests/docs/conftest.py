"""The account that the documents speak of, and the service as they start it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from quart import Quart

from middleware.context import EXTENSION
from tests.docs.reading import ROOT
from tests.launcher.conftest import STOP_TIMEOUT_S, Service
from utils.accounts import Role

USERNAME, PASSWORD = "ada", "a sentence that only I know"


@pytest.fixture
async def admin_token(app: Quart) -> str:
    """Make the admin of the documents and sign in."""
    auth = app.extensions[EXTENSION].auth
    await auth.create_user(USERNAME, PASSWORD, Role.ADMIN)
    return (await auth.sign_in(USERNAME, PASSWORD)).access_token


@pytest.fixture
def served(dsn: str, redis_url: str, tmp_path: Path) -> Iterator[Service]:
    """The whole service as ``./start.sh`` runs it, on a free port and the servers of the tests."""
    environment = {
        "ENV": "test",
        "SECRET_KEY": "a-key-that-only-the-tests-know-0123456789",
        "PORT": "0",
        "METRICS_PORT": "0",
        "VAR_DIR": str(tmp_path / "var"),
        "DB_CONNECTION_STRING": dsn,
        "REDIS_URL": redis_url,
    }
    service = Service(ROOT / "app.py", environment, tmp_path)
    try:
        service.wait_until_said("To stop it, press Ctrl-C.")
        yield service
    finally:
        service.process.terminate()
        service.process.wait(STOP_TIMEOUT_S)
