"""Workers that watch alerts, made and killed as often as a test likes, over one store and one log."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

import asyncpg
from redis.asyncio import Redis

from services.announcing.alert_book import AlertBook
from services.announcing.alert_follower import AlertFollower
from services.announcing.record import FiringRecord
from services.live.hub import Hub
from services.live.lease import Leases
from services.live.log import FeedStatus, LiveLog
from services.stores.alerts import AlertKind, AlertTerms, PriceAlert
from services.stores.announcements import Firing, select_firings
from utils.clock import Clock
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "x", "BTC/USD"), Timeframe.parse("1m"))
DEADLINE_S = 20


async def learn_nothing(_: Collection[Topic]) -> None:
    """Be the ``learn`` of a record whose firings nobody puts into words."""


@dataclass
class Worker:
    """One worker that holds the topic, as far as alerts are concerned."""

    hub: Hub
    record: FiringRecord
    blocking: Redis
    task: "asyncio.Task[None] | None" = None

    async def kill(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task
        await self.record.close()
        await self.hub.close()
        await self.blocking.aclose()


@dataclass
class AlertHouse:
    """A log that a test writes, and the workers that read it."""

    pool: asyncpg.Pool
    redis: Redis
    open_blocking: Callable[[], Redis]
    # Later than any alert is made, so that every bar counts.
    now_ms: int = 0
    workers: list[Worker] = field(default_factory=list)
    clock: Clock = field(init=False)
    log: LiveLog = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.log = LiveLog(self.redis)
        self._bar: Bar | None = None
        self._leases = Leases(self.redis)

    async def take_topic(self) -> None:
        assert await self._leases.take(TOPIC)

    async def add_worker(self) -> Worker:
        blocking = self.open_blocking()
        hub = Hub(self.log, self.redis, blocking, self.clock)
        record = FiringRecord(self.pool, self.redis, blocking, learn_nothing)
        worker = Worker(hub, record, blocking)
        follower = AlertFollower(pool=self.pool, log_=self.log, hub=hub, record=record)
        worker.task = asyncio.create_task(follower.follow(TOPIC))
        self.workers.append(worker)
        return worker

    async def kill(self, worker: Worker) -> None:
        self.workers.remove(worker)
        await worker.kill()

    async def close(self) -> None:
        for worker in tuple(self.workers):
            await self.kill(worker)

    async def add_alert(self, user_id: int, level: str, *, back: str = "1", above: bool = True) -> PriceAlert:
        record = FiringRecord(self.pool, self.redis, self.redis, learn_nothing)
        book = AlertBook(pool=self.pool, clock=self.clock, log_=self.log, record=record)
        kind = AlertKind.CROSS_ABOVE if above else AlertKind.CROSS_BELOW
        terms = AlertTerms(TOPIC, kind, Decimal(level), None, None, Decimal(back), repeats=True)
        return await book.create(user_id, terms)

    async def pay(self, price: float) -> None:
        """Log one more price of the running minute."""
        await self._leases.renew(TOPIC)
        bar = self._bar
        # Minutes that end after now: nothing of them was over before an alert was made.
        open_ms = TOPIC.timeframe.floor(self.clock.now_ms() + 60_000)
        if bar is None or bar.open_time_ms != open_ms:
            bar = Bar(open_ms, price, price, price, price, 1.0, BarState.FORMING)
        else:
            high, low = max(bar.high, price), min(bar.low, price)
            bar = Bar(open_ms, bar.open, high, low, price, bar.volume + 1, BarState.FORMING)
        self._bar = bar
        await self.log.append(TOPIC, bar, token=self._leases.token)

    async def say(self, status: FeedStatus) -> None:
        """Log how the feed is."""
        await self._leases.renew(TOPIC)
        await self.log.append(TOPIC, status, token=self._leases.token)

    async def begin_anew(self) -> None:
        """Begin a new life of the log, as after a hole that is too long to be told."""
        await self._leases.renew(TOPIC)
        await self.log.begin_anew(TOPIC, token=self._leases.token)
        self._bar = None

    async def firings(self, user_id: int, count: int) -> list[Firing]:
        """Return what has fired, once it is that many; and fail if it never is."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = await select_firings(self.pool, [user_id], after_sequence=0, limit=500)
                if len(found) >= count:
                    return list(found)
                await asyncio.sleep(0.02)
