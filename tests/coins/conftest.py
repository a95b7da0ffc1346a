"""Coins in the app, on the simulated provider."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from config import Config
from services.auth_service import AuthService
from tests.coins.house import Coins, opened
from tests.coins.made_coins import NOW_MS
from tests.user_maker import making_users


@pytest.fixture
async def coins(config: Config) -> AsyncIterator[Coins]:
    async with opened(config, [NOW_MS]) as house:
        yield house


@pytest.fixture
def accounts(pool: asyncpg.Pool) -> Iterator[AuthService]:
    """Make users in the database of ``coins``; cheap hashes, which the app verifies as it does dear ones."""
    with making_users(pool) as service:
        yield service
