"""Workers that do jobs, in this process, on a real PostgreSQL and with times short enough to wait for."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg
import pytest

from app_extensions.db_pool import open_queue_connection
from services.jobs.job import Job, RunState
from services.jobs.jobs import Jobs
from services.jobs.pace import JobPace
from services.jobs.runner import JobRunner
from services.stores.job_runs import JobRun
from utils.clock import Clock

DEADLINE_S = 20
NOW_MS = 1_795_000_000_000
PACE = JobPace(heartbeat_timeout_s=2.0, look_every_s=0.2, plan_every_s=0.2, reconnect_s=0.1)
ENDED = {RunState.DONE, RunState.SKIPPED, RunState.FAILED, RunState.CANCELLED, RunState.LOST}

Found = TypeVar("Found")


async def eventually(look: Callable[[], Awaitable[Found]]) -> Found:
    """Return what is found, once it is something; rows of a database tell nobody that they have changed."""
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await look()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


@dataclass
class JobHouse:
    """Workers and the jobs they share; time stands still until a test moves it."""

    dsn: str
    pool: asyncpg.Pool
    stack: AsyncExitStack
    now_ms: int = NOW_MS
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = Jobs(pool=self.pool, clock=self.clock)

    @property
    def clock(self) -> Clock:
        return Clock(now_ms=lambda: self.now_ms)

    def worker(self, pace: JobPace = PACE) -> JobRunner:
        """Return a worker that has begun; it is stopped with the test, and may be stopped before."""
        runner = JobRunner(
            connect=functools.partial(open_queue_connection, self.dsn),
            pool=self.pool,
            clock=self.clock,
            jobs=self.jobs,
            pace=pace,
        )
        runner.start()
        self.stack.push_async_callback(runner.stop)
        return runner

    def add(self, *jobs: Job) -> None:
        self.jobs.add(jobs)

    async def until(self, run_id: int, fits: Callable[[JobRun], bool]) -> JobRun:
        """Return the run once it is as wanted."""

        async def look() -> JobRun | None:
            run = await self.jobs.find(run_id)
            return run if fits(run) else None

        run = await eventually(look)
        assert run is not None
        return run

    async def ended(self, run_id: int) -> JobRun:
        return await self.until(run_id, lambda run: run.state in ENDED)

    async def newest(self, job: str) -> JobRun:
        """Return the newest run of a job, once there is one."""
        runs = await eventually(lambda: self.jobs.runs(job=job, state=None, before_run_id=None, limit=1))
        return runs[0]

    async def outcomes(self, run_id: int) -> list[str | None]:
        return [attempt.outcome for attempt in await self.jobs.attempts(run_id)]

    async def all_runs(self) -> list[JobRun]:
        return await self.jobs.runs(job=None, state=None, before_run_id=None, limit=200)


@pytest.fixture
async def job_house(dsn: str, pool: asyncpg.Pool) -> AsyncIterator[JobHouse]:
    async with AsyncExitStack() as stack:
        yield JobHouse(dsn, pool, stack)
