"""An environment for commands in which nothing of a developer's own is found."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    # Named even when empty, so that a developer's own .env is not read instead.
    return {
        "PATH": os.environ["PATH"],
        "ENV": "test",
        "SECRET_KEY": "a-key-that-only-the-tests-know-0123456789",
        "DB_CONNECTION_STRING": "",
        "REDIS_URL": "",
        "VAR_DIR": str(tmp_path / "var"),
    }
