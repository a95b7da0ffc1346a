"""Work that goes on by itself while the service runs, each job on one worker at a time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from config import Config
from services import Services
from services.backfill import BackfillOrder, Progress, Waiting
from services.stores.locks import try_lock
from utils.errors import AppError
from utils.tasks import end_tasks

# How soon another worker takes over when the one that did the work is gone.
LOOK_EVERY_S = 30.0
ACQUIRE_TIMEOUT_S = 5.0
# New bars close all the time; history is kept warm by looking again.
WARM_EVERY_S = 15 * 60.0
TIDY_EVERY_S = 60 * 60.0
# Whoever asks for bars comes first: between two pages the exchange is left alone.
PAUSE_S = 1.0
TOLD_EVERY = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Name a piece of work and how long to wait before it is done again."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[None]]


# A connection cut in the middle of an answer leaves asyncpg itself confused: that is the third of them.
LOST_DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


@asynccontextmanager
async def running_jobs(services: Services, config: Config) -> AsyncIterator[None]:
    """Do the jobs that the settings ask for while the block runs."""
    tasks = [
        asyncio.create_task(_keep_doing(job, services), name=job.name) for job in _jobs(services, config)
    ]
    try:
        yield
    finally:
        await end_tasks(tasks)


def _jobs(services: Services, config: Config) -> list[Job]:
    jobs: list[Job] = []
    if config.role != "":  # until the runner of the queue is here
        return jobs
    jobs.append(Job("tidy accounts", TIDY_EVERY_S, services.user_admin.tidy))
    if config.backfill:
        orders = [BackfillOrder.parse(text) for text in config.backfill]
        jobs.append(Job("backfill", WARM_EVERY_S, lambda: warm(services, orders)))
    return jobs


async def _keep_doing(job: Job, services: Services) -> None:
    while True:
        try:
            async with services.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                # Held from one round to the next: other workers take over only when this one is gone.
                while await try_lock(connection, job.name):
                    await _run(job, connection, services)
                    await services.clock.sleep_s(job.every_s)
        except LOST_DATABASE as error:
            log.warning("job interrupted", extra={"job": job.name, "reason": str(error)})
        await services.clock.sleep_s(LOOK_EVERY_S)


async def _run(job: Job, connection: asyncpg.Connection, services: Services) -> None:
    run_id = 0
    outcome = "failed"
    try:
        await job.work()
        outcome = "done"
    except AppError as error:
        log.warning("job failed", extra={"job": job.name, "reason": error.detail})
    log.info("job ended", extra={"job": job.name, "run": run_id, "outcome": outcome})


async def warm(services: Services, orders: Sequence[BackfillOrder]) -> None:
    """Fill what is missing of each order, in their order and without haste."""
    for order in orders:
        try:
            await _warm_one(services, order)
        except AppError as error:
            log.warning("backfill stopped", extra={"series": order.text, "reason": error.detail})


async def _warm_one(services: Services, order: BackfillOrder) -> None:
    told = 0.0
    async with contextlib.aclosing(services.backfill.run(order)) as steps:
        async for step in steps:
            if isinstance(step, Waiting):
                log.warning("backfill waits", extra={"series": order.text, "reason": step.complaint})
            elif step.missing_ms or step.bars:
                if step.done >= told:
                    told = step.done + TOLD_EVERY
                    _tell(order, step)
                await services.clock.sleep_s(PAUSE_S)


def _tell(order: BackfillOrder, progress: Progress) -> None:
    percent = round(progress.done * 100)
    log.info("backfill goes on", extra={"series": order.text, "percent": percent, "bars": progress.bars})
