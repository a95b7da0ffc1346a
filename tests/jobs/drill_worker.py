"""A worker of the drill, in a process of its own: made to be killed."""

import asyncio
import functools
import multiprocessing
from multiprocessing.context import ForkServerProcess

import asyncpg

from app_extensions.db_pool import open_pool, open_queue_connection
from services.jobs.job import Every, Job, JobContext
from services.jobs.jobs import Jobs
from services.jobs.pace import JobPace
from services.jobs.runner import JobRunner
from utils.clock import Clock

JOB = "drill"
PERIOD_S = 2
STEPS = 8
STEP_S = 0.05
# Dead for three seconds is dead: on a busy machine a living process may well be silent for one.
PACE = JobPace(heartbeat_timeout_s=3.0, look_every_s=0.25, plan_every_s=0.5, reconnect_s=0.2)
TABLES = """
    CREATE TABLE IF NOT EXISTS drill_step (
        run_id bigint NOT NULL,
        attempt integer NOT NULL,
        at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE IF NOT EXISTS drill_effect (
        run_id bigint PRIMARY KEY,
        tick_ms bigint NOT NULL,
        attempt integer NOT NULL
    );
"""

forks = multiprocessing.get_context("forkserver")


def drill_job(pool: asyncpg.Pool) -> Job:
    """Return a job whose effect is written in the middle of it, under the id of the run."""

    async def work(context: JobContext) -> None:
        for step in range(STEPS):
            await pool.execute(
                "INSERT INTO drill_step (run_id, attempt) VALUES ($1, $2)", context.run_id, context.attempt
            )
            if step == STEPS // 2:
                context.count(1)
                await pool.execute(
                    "INSERT INTO drill_effect VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    *(context.run_id, context.tick_ms, context.attempt),
                )
            await asyncio.sleep(STEP_S)

    # So that every planned time is seen in a run of its own, and no number of deaths ends one.
    every = Every(PERIOD_S)
    return Job(JOB, "Is killed.", work, every, catch_up=1_000, queues_up=True, losses_max=1_000)


async def _work(dsn: str) -> None:
    pool = await open_pool(dsn)
    jobs = Jobs(pool=pool, clock=Clock())
    jobs.add([drill_job(pool)])
    connect = functools.partial(open_queue_connection, dsn)
    JobRunner(connect=connect, pool=pool, clock=Clock(), jobs=jobs, pace=PACE).start()
    await asyncio.Event().wait()


def work_until_killed(dsn: str) -> None:
    """Do jobs for ever."""
    asyncio.run(_work(dsn))


def start_worker(dsn: str) -> ForkServerProcess:
    """Return a new worker, which needs no second to import what the first one has."""
    forks.set_forkserver_preload([__name__])
    process = forks.Process(target=work_until_killed, args=(dsn,), daemon=True)
    process.start()
    return process
