"""A service on a restored or moved database answers as it did before, byte for byte, and goes on."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import asyncpg
import pytest
from quart.typing import TestClientProtocol as Client

from app_extensions.database_copies import back_up, move_database, restore_into
from config import Config
from services.backups.archive import read_backup
from services.coins.coin_jobs import SYNC
from tests.backups.conftest import fetch
from tests.coins.house import opened
from tests.coins.made_coins import NOW_MS, made_coins, page_of, store
from tests.databases import execute
from tests.jobs.conftest import eventually
from utils.accounts import Role
from utils.clock import Clock

PASSWORD = "a horse in a field of corn"
MARKET = "market=simulated&exchange=simex&since=2025-01-01T00:00Z&until=2025-01-03T00:00Z"
SERIES = [
    f"/market/fetch_ohlcv?{MARKET}&symbol=BTC/USD&timeframe=1h&include=accessibility",
    f"/market/fetch_ohlcv?{MARKET}&symbol=QUIET/USD&timeframe=1m&limit=1000",
    f"/market/fetch_ohlcv?{MARKET}&symbol=ETH/USD&timeframe=2h&format=csv",
]
QUESTIONS = [
    *SERIES,
    "/api/v1/cryptocurrencies/?limit=250",
    "/api/v1/alerts",
    "/announcements",
    "/api/v1/users/profile",
    "/api/v1/admin/users",
    "/api/v1/admin/jobs",
    "/api/symbols",
]
ALERT = {
    "market": "simulated",
    "exchange": "simex",
    "symbol": "BTC/USD",
    "timeframe": "1m",
    "kind": "cross_above",
    "level": "100000.10",
}

Copy = Callable[[str, str, Path], Awaitable[None]]


def quiet(_table: str, _size: int) -> None:
    return


async def by_backup(source: str, target: str, directory: Path) -> None:
    await back_up(source, directory / "b.zip", Clock(), overwrite=False, told=quiet)
    with read_backup(directory / "b.zip") as reader:
        await restore_into(target, reader, replace=False, told=quiet)


async def by_move(source: str, target: str, _directory: Path) -> None:
    await move_database(source, target, quiet)


async def pair_of(client: Client, path: str, body: dict[str, str]) -> dict[str, str]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, await answer.get_data()
    pair: dict[str, str] = await answer.get_json()
    return pair


async def answers(client: Client, token: str) -> dict[str, tuple[int, bytes]]:
    found = {}
    for question in QUESTIONS:
        answer = await client.get(question, headers={"Authorization": f"Bearer {token}"})
        found[question] = (answer.status_code, await answer.get_data())
    return found


@pytest.fixture
def settings(config: Config) -> Config:
    # No answer is kept: all of them come from the database.
    return replace(config, answer_cache_mb=0)


@pytest.mark.parametrize("copy", [by_backup, by_move])
async def test_the_service_answers_as_before(
    settings: Config, dsn: str, empty: str, tmp_path: Path, copy: Copy
) -> None:
    async with opened(settings, [NOW_MS]) as house:
        await house.services.auth.create_user("ada", PASSWORD, Role.ADMIN)
        credentials = {"username": "ada", "password": PASSWORD}
        pair = await pair_of(house.client, "/auth/login", credentials)
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        async with asyncpg.create_pool(dsn, min_size=1) as pool:
            await store(pool, page_of(made_coins(Random(1), 120)))
        assert (await house.client.post("/api/v1/alerts", json=ALERT, headers=bearer)).status_code == 201
        for question in SERIES:
            assert (await house.client.get(question)).status_code == 200
        # Figures that no market tells again: who shows them has read them from the database.
        await execute(
            dsn,
            "UPDATE bar SET volume = volume + 0.0625, state = 'corrected', revision = 3",
            # One that no price of the running service changes any more.
            "UPDATE price_alert SET state = 'done'",
        )
        order = await house.client.post("/api/v1/admin/jobs/run", json={"job": "tidy"}, headers=bearer)
        assert order.status_code == 202
        before = await answers(house.client, pair["access_token"])
    assert {question: status for question, (status, _) in before.items() if status != 200} == {}
    assert b'"revision":3' in before[SERIES[0]][1]

    await copy(dsn, empty, tmp_path)
    # What is asked of the new database cannot come from the old one.
    await execute(dsn, "TRUNCATE series, bar, coin, app_user CASCADE")

    async with opened(replace(settings, db_connection_string=empty), [NOW_MS]) as house:
        assert await answers(house.client, pair["access_token"]) == before
        assert (await pair_of(house.client, "/auth/refresh", {"refresh_token": pair["refresh_token"]}))[
            "access_token"
        ]
        assert await pair_of(house.client, "/auth/login", credentials)
        wrong = await house.client.post("/auth/login", json=credentials | {"password": PASSWORD + "!"})
        assert wrong.status_code == 401
        # New things get numbers of their own.
        bob = await house.services.auth.create_user("bob", PASSWORD, Role.USER)
        assert bob.user_id == 2


async def test_a_run_that_waited_or_went_on_is_done_on_the_new_database(
    settings: Config, dsn: str, empty: str, tmp_path: Path
) -> None:
    async with opened(settings, [NOW_MS]) as house:
        waiting = await house.services.jobs.enqueue("tidy")
        going = await house.services.jobs.enqueue(SYNC, {"limit": 20})
    # As a worker leaves them that dies in the middle, long ago.
    await execute(
        dsn,
        f"UPDATE job_run SET state = 'running', attempt = 1, heartbeat_at = now() - INTERVAL '1 hour'"
        f" WHERE job_run_id = {going.run_id}",
        "INSERT INTO job_attempt (job_run_id, attempt, worker, started_at)"
        f" VALUES ({going.run_id}, 1, 'gone', now())",
        "UPDATE job_queue.pgqueuer SET status = 'picked', heartbeat = now() - INTERVAL '1 hour',"
        " queue_manager_id = gen_random_uuid() WHERE entrypoint = 'sync_coins'",
    )
    await by_backup(dsn, empty, tmp_path)

    async with opened(replace(settings, db_connection_string=empty, jobs="embedded"), [NOW_MS]):

        async def both() -> list[asyncpg.Record]:
            done = (
                "SELECT job, losses FROM job_run WHERE job_run_id = ANY($1) AND state = 'done' ORDER BY job"
            )
            found = await fetch(empty, done, [waiting.run_id, going.run_id])
            return found if len(found) == 2 else []

        assert [tuple(row) for row in await eventually(both)] == [(SYNC, 1), ("tidy", 0)]
