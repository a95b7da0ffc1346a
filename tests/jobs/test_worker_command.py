"""``quart worker`` does the jobs that web processes leave, and gives back what it is stopped in."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from services.jobs.jobs import Jobs
from tests.cli.quart import DEADLINE_S, started_quart
from tests.jobs.conftest import JobHouse

SECRET_KEY = "a-key-that-only-the-tests-know-0123456789"


@pytest.fixture
def environment(tmp_path: Path, dsn: str, redis_url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ENV": "test",
        "SECRET_KEY": SECRET_KEY,
        "DB_CONNECTION_STRING": dsn,
        "REDIS_URL": redis_url,
        "VAR_DIR": str(tmp_path / "var"),
        "CRYPTO_ENDPOINT": "http://127.0.0.1:9",
        "BACKFILL": "simulated:simex:BTC/USD:1m:2024-01-01",
    }


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    async with asyncio.timeout(DEADLINE_S):
        return (await process.stdout.readline()).decode().strip()


async def test_a_worker_apart_does_what_is_due_and_gives_back_what_it_is_stopped_in(
    environment: dict[str, str], job_house: JobHouse, pool: asyncpg.Pool
) -> None:
    async with started_quart(environment, "worker") as process:
        assert (await line(process)).startswith("Doing ")
        tidied = await job_house.newest("tidy")
        assert (await job_house.ended(tidied.job_run_id)).state == "done"
        # Two years of minutes, a page a second: it is in the middle of them.
        filling = await job_house.newest("backfill")
        await job_house.until(filling.job_run_id, lambda run: run.progress > 0)
        process.send_signal(signal.SIGTERM)
        assert await line(process) == "Stopping."
        assert (await line(process)).startswith("Stopped.")
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == 0
    run = await Jobs(pool=pool, clock=job_house.clock).find(filling.job_run_id)
    assert (run.state, run.losses, run.failures) == ("queued", 0, 0)
    assert await job_house.outcomes(run.job_run_id) == ["stopped"]
