"""The runner inside an app: which apps have one, and that it is no burden at the start or the end."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from app import create_app
from config import Config, ConfigError, load_config
from middleware.context import EXTENSION
from tests.jobs.conftest import eventually

QUEUE_CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'accessibletrader jobs'
"""


async def until_connections(pool: asyncpg.Pool, wanted: int) -> None:
    async def look() -> bool:
        return bool(await pool.fetchval(QUEUE_CONNECTIONS) == wanted)

    await eventually(look)


def job_tasks() -> list[str]:
    return sorted(task.get_name() for task in asyncio.all_tasks() if "job" in task.get_name())


async def test_an_embedded_runner_has_one_connection_of_its_own_and_leaves_nothing(
    config: Config, pool: asyncpg.Pool
) -> None:
    async with create_app(replace(config, jobs="embedded")).test_app():
        await until_connections(pool, 1)
        assert "job queue" in job_tasks()
    assert job_tasks() == []
    await until_connections(pool, 0)


@pytest.mark.parametrize("settings", [{"jobs": "apart"}, {"jobs": "embedded", "role": "web"}])
async def test_some_workers_do_no_jobs_and_take_orders_all_the_same(
    config: Config, pool: asyncpg.Pool, settings: dict[str, str]
) -> None:
    app = create_app(replace(config, **settings))
    async with app.test_app():
        services = app.extensions[EXTENSION]
        ticket = await services.jobs.enqueue("tidy")
        assert job_tasks() == []
        assert await pool.fetchval(QUEUE_CONNECTIONS) == 0
    assert await pool.fetchval("SELECT state FROM job_run WHERE job_run_id = $1", ticket.run_id) == "queued"


@pytest.mark.parametrize("rest_s", [0.0, 0.002, 0.01, 0.03])
async def test_an_app_that_ends_at_once_leaves_nothing_behind(config: Config, rest_s: float) -> None:
    async with create_app(replace(config, jobs="embedded")).test_app():
        # The connection is being made, or the first look taken, or nothing has begun.
        await asyncio.sleep(rest_s)
    assert job_tasks() == []


def test_a_setting_says_who_does_the_jobs() -> None:
    settings = {"ENV": "test", "SECRET_KEY": "x"}
    assert load_config(settings, dotenv=None).jobs == "embedded"
    assert load_config(settings | {"JOBS": "apart"}, dotenv=None).jobs == "apart"
    with pytest.raises(ConfigError, match="JOBS must be one of embedded, apart"):
        load_config(settings | {"JOBS": "maybe"}, dotenv=None)
