"""A hub on a real log, and listeners that write down what they hear."""

import asyncio
from collections.abc import Sequence

import pytest

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


@pytest.fixture
async def hub(redis, redis_url, log):
    blocking = open_blocking_redis(redis_url, longest_wait_s=2)
    hub = Hub(log[0], redis, blocking, Clock())
    yield hub
    await hub.close()
    await blocking.aclose()
