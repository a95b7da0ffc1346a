"""A hub on a real log, and listeners that write down what they hear."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_blocking_redis
from services.live.hub import Hub, Listener
from services.live.lease import Leases
from services.live.log import FeedStatus, LiveLog, LogEntry, Position
from services.live.messages import Update
from utils.clock import Clock
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

TOPICS = [Topic(Instrument("crypto", "x", symbol), Timeframe.parse("1m")) for symbol in ("A/USD", "B/USD")]
BAR = Bar(60_000, 1.0, 1.0, 1.0, 1.0, 1.0, BarState.CLOSED)
DEADLINE_S = 5


class Ear:
    """A listener that writes down what it hears."""

    def __init__(self, topic: Topic) -> None:
        self.heard: asyncio.Queue[LogEntry] = asyncio.Queue()
        self.broken: asyncio.Queue[Position] = asyncio.Queue()
        self.told: asyncio.Queue[FeedStatus] = asyncio.Queue()
        self.listener = Listener(topic, self._hear, self.broken.put_nowait, self.told.put_nowait)

    def _hear(self, updates: Sequence[Update]) -> None:
        for update in updates:
            self.heard.put_nowait(update.entry)

    async def next(self) -> LogEntry:
        async with asyncio.timeout(DEADLINE_S):
            return await self.heard.get()


@pytest.fixture
async def log(redis):
    leases = Leases(redis)
    for topic in TOPICS:
        assert await leases.take(topic)
    return LiveLog(redis), leases.token


@asynccontextmanager
async def hub_by(clock: Clock, log: LiveLog, redis: Redis, redis_url: str) -> AsyncIterator[Hub]:
    """A hub that goes by this clock, closed whatever comes of it."""
    blocking = open_blocking_redis(redis_url, longest_wait_s=2)
    hub = Hub(log, redis, blocking, clock)
    try:
        yield hub
    finally:
        await hub.close()
        await blocking.aclose()


@pytest.fixture
async def hub(redis, redis_url, log):
    async with hub_by(Clock(), log[0], redis, redis_url) as hub:
        yield hub


async def follow(hub: Hub, log: tuple[LiveLog, str]) -> tuple[Ear, Position]:
    """Return a listener of the first topic that has heard an entry, and the place of that."""
    live_log, token = log
    ear = Ear(TOPICS[0])
    await hub.join(ear.listener)
    position = await live_log.append(TOPICS[0], BAR, token=token)
    assert (await ear.next()).position == position
    return ear, position


def many_topics(count: int) -> list[Topic]:
    """Return so many topics, each of a coin of its own."""
    return [
        Topic(Instrument("crypto", "x", f"C{number}/USD"), Timeframe.parse("1m")) for number in range(count)
    ]
