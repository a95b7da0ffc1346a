"""Coins in the app, on the simulated provider."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from config import Config
from services.auth_service import AuthService, AuthSettings
from tests.coins.house import Coins, opened
from tests.coins.made_coins import NOW_MS
from utils.clock import Clock


@pytest.fixture
async def coins(config: Config) -> AsyncIterator[Coins]:
    async with opened(config, [NOW_MS]) as house:
        yield house


@pytest.fixture
def accounts(pool: asyncpg.Pool) -> Iterator[AuthService]:
    """Make users in the database of ``coins``; cheap hashes, which the app verifies as it does dear ones."""
    settings = AuthSettings(("not the app's",), access_token_life_s=1, session_life_s=1, bcrypt_cost=4)
    service = AuthService(pool=pool, clock=Clock(), settings=settings)
    yield service
    service.close()
