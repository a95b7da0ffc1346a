"""Services on a real PostgreSQL and clocks that tests move: accounts with one user, and history."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest

from services.auth_service import AuthService, AuthSettings
from services.catalog import Catalog
from services.history_filler import HistoryFiller
from services.market_service import MarketService
from services.quarantine import Quarantine
from services.sessions import TokenPair
from services.user_admin import UserAdmin
from tests.services.recorded_market import HandClock, RecordedMarket
from utils.accounts import Role
from utils.clock import Clock
from utils.errors import Unauthorized

CLOSE_TIMEOUT_S = 10
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
    admin: UserAdmin = field(init=False)

    def __post_init__(self) -> None:
        self.auth = self.restarted()

    def restarted(self, settings: AuthSettings = SETTINGS) -> AuthService:
        """Return the service as another worker, or the next start, has it."""
        clock = Clock(now_ms=lambda: self.now_ms)
        self.admin = UserAdmin(
            pool=self.pool,
            clock=clock,
            sessions=(auth := AuthService(pool=self.pool, clock=clock, settings=settings)).sessions,
        )
        return auth

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


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
def upstream(hand: HandClock) -> RecordedMarket:
    return RecordedMarket(hand)


@pytest.fixture
async def catalog(upstream: RecordedMarket) -> AsyncIterator[Catalog]:
    opened = upstream.catalog()
    yield opened
    async with asyncio.timeout(CLOSE_TIMEOUT_S):
        await opened.close()


@pytest.fixture
async def market(pool: asyncpg.Pool, catalog: Catalog) -> AsyncIterator[MarketService]:
    opened = MarketService(pool=pool, catalog=catalog, filler=HistoryFiller(pool, Quarantine()))
    yield opened
    async with asyncio.timeout(CLOSE_TIMEOUT_S):
        await opened.close()
