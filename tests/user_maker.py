"""Users in the database of an app that a test talks to."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from services.auth_service import AuthService, AuthSettings
from utils.clock import Clock


@contextmanager
def making_users(pool: asyncpg.Pool) -> Iterator[AuthService]:
    """Make users with cheap hashes, which an app verifies as it does dear ones; tokens are not the app's."""
    settings = AuthSettings(("not the app's",), access_token_life_s=1, session_life_s=1, bcrypt_cost=4)
    accounts = AuthService(pool=pool, clock=Clock(), settings=settings)
    try:
        yield accounts
    finally:
        accounts.close()
