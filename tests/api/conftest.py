"""Accounts for the tests of routes."""

from collections.abc import Iterator

import asyncpg
import pytest

from services.auth_service import AuthService
from tests.user_maker import making_users


@pytest.fixture
def accounts(pool: asyncpg.Pool) -> Iterator[AuthService]:
    """Make users in the database of ``app``; cheap hashes, which the app verifies as it does dear ones."""
    with making_users(pool) as service:
        yield service
