"""An AuthService on a real PostgreSQL, with one user and a clock that tests move."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest

from services.auth_service import AuthService, AuthSettings, TokenPair
from utils.accounts import Role
from utils.clock import Clock
from utils.errors import Unauthorized

PASSWORD = "a horse in a field of corn"
SETTINGS = AuthSettings(
    secret_keys=("a secret of a test, long enough to be one",),
    access_token_life_s=900,
    session_life_s=30 * 86_400,
    bcrypt_cost=4,
)


@dataclass
class House:
    """An AuthService and the clock it reads, which tests move by hand."""

    pool: asyncpg.Pool
    now_ms: int = 1_795_000_000_000
    auth: AuthService = field(init=False)

    def __post_init__(self) -> None:
        self.auth = AuthService(pool=self.pool, clock=Clock(now_ms=lambda: self.now_ms), settings=SETTINGS)

    async def is_good(self, pair: TokenPair) -> bool:
        try:
            await self.auth.authenticate(pair.access_token)
        except Unauthorized:
            return False
        return True

    async def refresh_or_none(self, refresh_token: str) -> TokenPair | None:
        try:
            return await self.auth.refresh(refresh_token)
        except Unauthorized:
            return None


@pytest.fixture
async def house(pool: asyncpg.Pool) -> AsyncIterator[House]:
    house = House(pool)
    await house.auth.create_user("Ada", PASSWORD, Role.USER)
    yield house
    house.auth.close()
