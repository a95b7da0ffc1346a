"""Accounts for the tests of routes."""

from collections.abc import Iterator

import asyncpg
import pytest

from services.auth_service import AuthService, AuthSettings
from utils.clock import Clock


@pytest.fixture
def accounts(pool: asyncpg.Pool) -> Iterator[AuthService]:
    """Make users in the database of ``app``; cheap hashes, which the app verifies as it does dear ones."""
    settings = AuthSettings(("not the app's",), access_token_life_s=1, session_life_s=1, bcrypt_cost=4)
    service = AuthService(pool=pool, clock=Clock(), settings=settings)
    yield service
    service.close()
