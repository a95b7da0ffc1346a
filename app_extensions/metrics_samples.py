"""What a worker looks at from time to time, because it is a state and nobody could count it."""

import asyncio
import logging
import platform
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from app_extensions.logging_setup import LineHandler
from app_extensions.metrics import figures_of_workers, own_metrics
from config import Config
from services import Services
from services.fleet.fleet import FleetState
from services.health import HealthStatus
from services.upstream.rate_budget import cell_of
from services.upstream.state import ExchangeMood
from utils import figures
from utils.metrics import Count, Level
from utils.tasks import end_tasks
from utils.version import VERSION

# How often the loop is timed; every so many times the worker looks at itself.
TICK_S = 0.25
TICKS_A_LOOK = 8
# What others have to be asked for is asked less often.
ASK_EVERY_S = 10.0


@asynccontextmanager
async def serving_metrics(services: Services, config: Config, *, alone: bool = True) -> AsyncIterator[None]:
    """Look at this process while the block runs; one that is ``alone`` has no launcher to serve metrics."""
    async with AsyncExitStack() as stack:
        if config.metrics:
            await stack.enter_async_context(sampling(services, config))
        if config.metrics and alone:
            await stack.enter_async_context(own_metrics(config))
        yield


@asynccontextmanager
async def sampling(services: Services, config: Config) -> AsyncIterator[None]:
    """Look at a worker while the block runs."""
    _begin(services)
    figures.BUILD.set(1, VERSION, platform.python_version(), config.server, config.role)
    samples = Samples(services)
    tasks = [
        asyncio.create_task(samples.look_for_ever(), name="metrics of this worker"),
        asyncio.create_task(samples.ask_for_ever(), name="metrics of what it needs"),
    ]
    try:
        yield
    finally:
        await end_tasks(tasks)
        samples.look()


def _begin(services: Services) -> None:
    for figure in figures_of_workers():
        figure.begin()
    # Of labels that may take any value, those that an alert looks at.
    for code in figures.CLOSE_CODES_OF_ALERTS:
        figures.CLOSED.add(0, code)
    for job in services.jobs.table:
        for outcome in figures.JOB_RUNS.labels["outcome"]:
            figures.JOB_RUNS.add(0, job.name, outcome)


@dataclass(slots=True)
class Samples:
    """Look at the services of a worker: ``look`` waits for nothing, ``ask`` for a second at most."""

    services: Services
    _counted: dict[tuple[Count, tuple[str, ...]], float] = field(default_factory=lambda: defaultdict(float))

    async def look_for_ever(self) -> None:
        """Time the loop, and look every two seconds."""
        loop = asyncio.get_running_loop()
        while True:
            self.look()
            for _ in range(TICKS_A_LOOK):
                due_s = loop.time() + TICK_S
                await asyncio.sleep(TICK_S)
                figures.LOOP_LAG.note(max(loop.time() - due_s, 0.0))

    async def ask_for_ever(self) -> None:
        """Ask every ten seconds."""
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            await self.ask()

    def look(self) -> None:
        """Say how this worker is."""
        figures.HEARTBEAT.set(time.time())
        figures.TASKS.set(len(asyncio.all_tasks()))
        figures.CONNECTIONS.set(self.services.live.connections)
        self._count(figures.CPU, time.process_time())
        self._count(figures.LOG_LINES_DROPPED, _log_lines_dropped())
        self._look_at_answers()
        self._look_at_pool()
        self._look_at_feeds()
        for provider in self.services.coin_source.states:
            if provider.calls_per_month is not None:
                left = max(provider.calls_per_month - provider.calls_used, 0)
                figures.LISTINGS_CALLS_LEFT.set(left, provider.name)

    async def ask(self) -> None:
        """Say how what all workers need is, and how exchanges and feeds are on all of them."""
        health = await self.services.health.check()
        for part, found in (("database", health.database), ("cache", health.cache)):
            figures.PART_UP.set(found.status is HealthStatus.OK, part)
        self._say_exchanges(health.fleet)
        late = (row.topic.instrument.exchange for row in health.fleet.feeds if row.late)
        _set_all(figures.FEEDS_LATE, _counted(late))

    def _look_at_answers(self) -> None:
        answers = self.services.answers
        figures.CACHE_BYTES.set(answers.size_bytes)
        # An answer that is ready is too quick to be counted by itself.
        self._count(figures.CACHE_REQUESTS, answers.counts.hits, "here")
        self._count(figures.CACHE_REQUESTS, answers.counts.shared_hits, "shared")
        self._count(figures.CACHE_REQUESTS, answers.counts.made, "made")

    def _look_at_pool(self) -> None:
        pool = self.services.pool
        idle = pool.get_idle_size()
        figures.DATABASE_CONNECTIONS.set(pool.get_size() - idle, "used")
        figures.DATABASE_CONNECTIONS.set(idle, "idle")
        figures.DATABASE_CONNECTIONS_MAX.set(pool.get_max_size())

    def _look_at_feeds(self) -> None:
        now_s = self.services.clock.steady_s()
        held = [feed for feed in self.services.live.kept_feeds if feed.held]
        _set_all(figures.FEEDS, _counted(feed.topic.instrument.exchange for feed in held))
        heard = ((feed.topic.instrument.exchange, feed.heard_s) for feed in held)
        _set_all(figures.FEED_LAG, _highest((name, now_s - at_s) for name, at_s in heard if at_s is not None))

    def _say_exchanges(self, fleet: FleetState) -> None:
        left_alone: dict[tuple[str, ...], float] = {}
        for row in fleet.exchanges:
            state = row.state
            for mood in (ExchangeMood.LIMITED, ExchangeMood.SILENT):
                left_alone[state.exchange, mood.value] = float(state.mood is mood)
            if state.requests_per_s is not None and row.budget_left is not None:
                at_once, _ = cell_of(state.requests_per_s)
                figures.EXCHANGE_BUDGET.set(row.budget_left / at_once, state.exchange)
        _set_all(figures.EXCHANGE_LEFT_ALONE, left_alone)

    def _count(self, count: Count, total: float, *values: str) -> None:
        """Count what was added to a total that somebody else keeps."""
        before, self._counted[count, values] = self._counted[count, values], total
        count.add(max(total - before, 0), *values)


def _set_all(level: Level, found: Mapping[tuple[str, ...], float]) -> None:
    # Of what is not there any more the last word was another.
    for values in {*level.told, *found}:
        level.set(found.get(values, 0), *values)


def _counted(names: Iterable[str]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in Counter(names).items()}


def _highest(pairs: Iterable[tuple[str, float]]) -> dict[tuple[str, ...], float]:
    highest: dict[tuple[str, ...], float] = {}
    for name, number in pairs:
        highest[name,] = max(highest.get((name,), 0.0), number)
    return highest


def _log_lines_dropped() -> int:
    handlers = logging.getLogger().handlers
    return sum(handler.writer.dropped for handler in handlers if isinstance(handler, LineHandler))
