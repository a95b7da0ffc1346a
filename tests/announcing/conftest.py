"""Users who sign in, and the parts of alerts over a real store and a real log."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_blocking_redis
from services.auth_service import AuthService, AuthSettings
from tests.announcing.alert_house import AlertHouse
from utils.accounts import Role
from utils.clock import Clock

PASSWORD = "a horse in a field of corn"


@pytest.fixture
async def ada(pool: asyncpg.Pool) -> AsyncIterator[int]:
    """A user named Ada."""
    settings = AuthSettings(("not the app's",), access_token_life_s=1, session_life_s=1, bcrypt_cost=4)
    service = AuthService(pool=pool, clock=Clock(), settings=settings)
    user = await service.create_user("Ada", PASSWORD, Role.USER)
    yield user.user_id
    service.close()


@pytest.fixture
async def signed_in(client, ada: int) -> dict[str, str]:
    """The header of a request of Ada's."""
    response = await client.post("/auth/login", json={"username": "Ada", "password": PASSWORD})
    return {"Authorization": f"Bearer {(await response.get_json())['access_token']}"}


@pytest.fixture
async def house(pool: asyncpg.Pool, redis: Redis, redis_url: str) -> AsyncIterator[AlertHouse]:
    opened = AlertHouse(pool, redis, lambda: open_blocking_redis(redis_url, longest_wait_s=2))
    await opened.take_topic()
    yield opened
    async with asyncio.timeout(10):
        await opened.close()
