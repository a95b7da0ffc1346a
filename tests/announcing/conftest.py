"""Users who sign in, and the parts of alerts over a real store and a real log."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_blocking_redis
from tests.announcing.alert_house import AlertHouse
from tests.user_maker import making_users
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"


@pytest.fixture
async def ada(pool: asyncpg.Pool) -> int:
    """A user named Ada."""
    with making_users(pool) as accounts:
        user = await accounts.create_user("Ada", PASSWORD, Role.USER)
    return user.user_id


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
