"""The launcher as the tests of the launcher start it, and somebody who signs in to it."""

from collections.abc import Callable

import asyncpg
import pytest

from services.auth_service import AuthService, AuthSettings
from tests.launcher.conftest import APP, Service, beside, launch
from utils.accounts import Role
from utils.clock import Clock

__all__ = ["beside", "launch"]

ADA = {"username": "Ada", "password": "a horse in a field of corn"}
SECRET_KEY = "a-key-that-only-the-tests-know-0123456789"


@pytest.fixture
async def launch_for_ada(
    dsn: str, redis_url: str, pool: asyncpg.Pool, launch: Callable[..., Service]
) -> Callable[..., Service]:
    """Starts a service that Ada can sign in to, on a PostgreSQL and a Valkey that outlive it."""
    settings = AuthSettings(("not the app's",), access_token_life_s=1, session_life_s=1, bcrypt_cost=4)
    accounts = AuthService(pool=pool, clock=Clock(), settings=settings)
    await accounts.create_user(ADA["username"], ADA["password"], Role.USER)
    accounts.close()
    environment = {
        "SECRET_KEY": SECRET_KEY,
        "DB_CONNECTION_STRING": dsn,
        "REDIS_URL": redis_url,
        "RATE_LIMIT_PER_MINUTE": "100000",
    }
    return lambda **settings: launch(APP, **environment, **settings)
