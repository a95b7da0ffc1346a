"""Work that goes on by itself while the service runs, each run of it on one worker."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app_extensions.db_pool import open_queue_connection
from config import Config
from services import Services
from services.jobs.pace import JobPace
from services.jobs.runner import JobRunner


@asynccontextmanager
async def running_jobs(
    services: Services,
    dsn: str,
    pace: JobPace = JobPace(),  # noqa: B008 - a value without a life of its own
) -> AsyncIterator[JobRunner]:
    """Plan and do jobs while the block runs; nothing is waited for at its beginning."""
    runner = JobRunner(
        connect=functools.partial(open_queue_connection, dsn),
        pool=services.pool,
        clock=services.clock,
        jobs=services.jobs,
        pace=pace,
    )
    runner.start()
    try:
        yield runner
    finally:
        await runner.stop()


def does_jobs(config: Config) -> bool:
    """Tell whether the workers that serve do jobs too."""
    return config.jobs == "embedded" and config.role != "web"
