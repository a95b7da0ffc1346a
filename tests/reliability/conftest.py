"""The launcher as the tests of the launcher start it, and somebody who signs in to it."""

from collections.abc import Callable

import asyncpg
import pytest

from tests.launcher.conftest import APP, Service, beside, launch
from tests.user_maker import making_users
from utils.accounts import Role

__all__ = ["beside", "launch"]

ADA = {"username": "Ada", "password": "a horse in a field of corn"}
SECRET_KEY = "a-key-that-only-the-tests-know-0123456789"


@pytest.fixture
async def launch_for_ada(
    dsn: str, redis_url: str, pool: asyncpg.Pool, launch: Callable[..., Service]
) -> Callable[..., Service]:
    """Starts a service that Ada can sign in to, on a PostgreSQL and a Valkey that outlive it."""
    with making_users(pool) as accounts:
        await accounts.create_user(ADA["username"], ADA["password"], Role.USER)
    environment = {
        "SECRET_KEY": SECRET_KEY,
        "DB_CONNECTION_STRING": dsn,
        "REDIS_URL": redis_url,
        "RATE_LIMIT_PER_MINUTE": "100000",
    }
    return lambda **settings: launch(APP, **environment, **settings)
