"""Planned times become runs: each once, whoever of all workers is first to notice it."""

import asyncio
import logging

import asyncpg

from services.jobs.job import NO_PAYLOAD, Job
from services.jobs.jobs import Jobs, payload_text
from services.jobs.pace import JobPace
from services.jobs.queue import put_in_queue
from services.stores import job_attempts, job_runs
from services.stores.job_runs import NewRun
from services.stores.losses import DATABASE_AWAY
from utils.clock import Clock
from utils.tasks import wait_at_most

ACQUIRE_TIMEOUT_S = 5.0
FORGOTTEN_MAX = 100
STILL_GOING_ON = "The run before it was still going on."

log = logging.getLogger(__name__)


class Planner:
    """Look at the clock, and put what is due into the queue."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock, jobs: Jobs, pace: JobPace) -> None:
        self._pool = pool
        self._clock = clock
        self._jobs = jobs
        self._pace = pace
        self._last_ms: dict[str, int] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Plan until told to stop; a database that is away is asked again."""
        while not stopping.is_set():
            try:
                await self.plan()
                await self.find_forgotten()
            except DATABASE_AWAY as error:
                log.warning("jobs were not planned", extra={"reason": str(error)})
            except Exception:  # the loop that keeps jobs going must outlive whatever comes up in it
                log.exception("jobs were not planned")
            await wait_at_most(stopping, self._next_in_s())

    async def plan(self) -> None:
        """Add a run for each planned time that has come, and for those that were missed as the job allows."""
        now_ms = self._clock.now_ms()
        due = [job for job in self._jobs.table if self._is_due(job, now_ms)]
        if not due:
            return
        last_ms = await job_runs.select_last_ticks(self._pool, [job.name for job in due], now_ms)
        for job in due:
            assert job.every is not None
            since_ms = last_ms.get(job.name)
            missed = job.every.missed(since_ms, now_ms)
            for tick_ms in job.every.due_ms(since_ms, now_ms, at_most=job.catch_up):
                await self._plan_one(job, tick_ms, now_ms)
            if missed:
                log.warning("planned times of a job were missed", extra={"job": job.name, "missed": missed})
            self._last_ms[job.name] = job.every.latest_ms(now_ms)

    async def find_forgotten(self) -> None:
        """Put open runs into the queue that have no place in it, whatever became of that."""
        known = {job.name for job in self._jobs.table}
        stale_s = self._pace.heartbeat_timeout_s
        for run_id, job in await job_attempts.select_forgotten(self._pool, stale_s, FORGOTTEN_MAX):
            if job in known:
                log.warning("a run had no place in the queue", extra={"job": job, "run": run_id})
                async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                    await put_in_queue(connection, job, run_id)

    def _is_due(self, job: Job, now_ms: int) -> bool:
        # Not "later than": a clock that was ahead is set back.
        return job.every is not None and job.every.latest_ms(now_ms) != self._last_ms.get(job.name)

    async def _plan_one(self, job: Job, tick_ms: int, now_ms: int) -> None:
        key = None if job.queues_up else payload_text(NO_PAYLOAD)
        new = NewRun(job.name, dedupe_key=key, tick_ms=tick_ms)
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            run = await job_runs.insert_run(connection, new, now_ms)
            if run is not None:
                await put_in_queue(connection, run.job, run.job_run_id)
            elif not job.queues_up:
                # Either this time is planned already, and the same goes for this, or another run is open.
                await job_runs.insert_skipped_run(connection, new, STILL_GOING_ON, now_ms)

    def _next_in_s(self) -> float:
        now_ms = self._clock.now_ms()
        waits_s = [
            (job.every.latest_ms(now_ms) - now_ms) / 1_000 + job.every.period_s
            for job in self._jobs.table
            if job.every is not None
        ]
        return max(min([*waits_s, self._pace.plan_every_s]), 0.01)
