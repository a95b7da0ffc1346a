"""A real Valkey, a Redis that is not there, clocks that tests move, and providers behind a stand-in."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_redis
from plugins.listings import ListingsRegistry, load_listings
from services.coins.source import ListingsSource
from services.upstream.optional_redis import OptionalRedis
from tests.listings import LocalListings
from tests.listings.held import NOW_MS
from utils.clock import Clock


@dataclass
class HandClock:
    """Stand still until it is moved; the steady clock goes with it."""

    time_ms: int = NOW_MS

    @property
    def clock(self) -> Clock:
        return Clock(now_ms=lambda: self.time_ms, steady_s=lambda: self.time_ms / 1_000)

    def pass_s(self, seconds: float) -> None:
        self.time_ms += round(seconds * 1_000)


@dataclass
class Workers:
    """Make sources that ask the same providers from the same address, as workers do."""

    local: LocalListings
    hand: HandClock
    redis: OptionalRedis
    stack: AsyncExitStack

    async def source(
        self, *wanted: str, redis: OptionalRedis | None = None, workers: int = 1
    ) -> ListingsSource:
        settings = {
            "LISTINGS_ENDPOINT": self.local.endpoint,
            "COINGECKO_API_KEY": "one",
            "COINMARKETCAP_API_KEY": "two",
        }
        registry: ListingsRegistry = load_listings(wanted, self.hand.clock, lambda _: settings)
        for provider in registry.providers:
            self.stack.push_async_callback(provider.close)
            await provider.open()
        return ListingsSource(registry, redis=redis or self.redis, clock=self.hand.clock, workers=workers)

    async def rest(self) -> None:
        """Give back the calls of the minute, for which Valkey has a clock of its own that no test moves."""
        await self.redis.redis.delete(*await self.redis.redis.keys("*:rate"))


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
async def local() -> AsyncIterator[LocalListings]:
    async with LocalListings() as opened:
        yield opened


@pytest.fixture
async def away(unused_tcp_port: int, hand: HandClock) -> AsyncIterator[OptionalRedis]:
    """A Redis that nobody answers for."""
    client = open_redis(f"redis://127.0.0.1:{unused_tcp_port}/0")
    yield OptionalRedis(client, hand.clock.steady_s)
    await client.aclose()


@pytest.fixture
async def workers(redis: Redis, local: LocalListings, hand: HandClock) -> AsyncIterator[Workers]:
    async with AsyncExitStack() as stack:
        yield Workers(local, hand, OptionalRedis(redis, hand.clock.steady_s), stack)
