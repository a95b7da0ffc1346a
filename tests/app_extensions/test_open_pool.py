"""Opening the pool while the database is away: a worker has patience, and none with wrong settings."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from app_extensions import db_pool
from app_extensions.db_pool import Patience, close_pool, open_pool
from tests.databases import database_beside, door, through
from tests.embedded.processes import wait_for
from tests.relay import Relay

DEADLINE_S = 20


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_pool, "RETRY_S", 0.01)


def patience(timeout_s: float = 60.0) -> Patience:
    return Patience(timeout_s, asyncio.Event())


async def until_told(caplog: pytest.LogCaptureFixture) -> None:
    told = "the database is away"
    await asyncio.to_thread(wait_for, lambda: told in caplog.text, timeout_s=DEADLINE_S, what=told)


async def test_a_database_that_comes_back_is_waited_for(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Relay(door(dsn)) as wire:
        wire.cut()
        opening = asyncio.create_task(open_pool(through(dsn, wire.port), patience()))
        await until_told(caplog)
        wire.heal()
        async with asyncio.timeout(DEADLINE_S):
            pool = await opening
        assert await pool.fetchval("SELECT 1") == 1
        await close_pool(pool)
    # However often it is tried, it is told once.
    assert caplog.text.count("the database is away") == 1


async def test_nobody_waits_for_longer_than_there_is_time(dsn: str) -> None:
    async with Relay(door(dsn)) as wire:
        wire.cut()
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises((OSError, asyncpg.PostgresError)):
                await open_pool(through(dsn, wire.port), patience(timeout_s=0.1))


async def test_whoever_is_told_to_stop_waits_no_longer(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    patient = patience()
    async with Relay(door(dsn)) as wire:
        wire.cut()
        opening = asyncio.create_task(open_pool(through(dsn, wire.port), patient))
        await until_told(caplog)
        patient.ended.set()
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises((OSError, asyncpg.PostgresError)):
                await opening


@pytest.mark.parametrize("wrong", ["database", "user"])
async def test_wrong_settings_are_refused_at_once(
    dsn: str, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = urlsplit(dsn)._replace(netloc="no_such_user@" + urlsplit(dsn).netloc.rpartition("@")[2]).geturl()
    address = database_beside(dsn, "no_such_database") if wrong == "database" else nobody
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises((asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)):
            await open_pool(address, patience())
    assert caplog.text == ""
