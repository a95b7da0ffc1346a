"""What the service says of itself, with its servers well, hanging and gone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

from app import create_app
from app_extensions import DRAINING as DRAINING_SET_BY
from blueprints.system import DRAINING
from config import Config
from services.stores.health import select_schema_version
from tests.databases import door, through
from tests.relay import Relay
from utils.version import VERSION

# Well above the second that a probe may take, for a machine that is busy with other tests.
ANSWER_WITHIN_S = 4


@pytest.fixture
async def database_wire(dsn: str) -> AsyncIterator[Relay]:
    async with Relay(door(dsn)) as relay:
        yield relay


@pytest.fixture
async def cache_wire(redis_url: str) -> AsyncIterator[Relay]:
    async with Relay(Path(urlsplit(redis_url).path)) as relay:
        yield relay


@pytest.fixture
async def wired(config: Config, database_wire: Relay, cache_wire: Relay) -> AsyncIterator[Quart]:
    """The app, with a wire to each of its servers that the test may cut."""
    database = through(config.db_connection_string, database_wire.port)
    cache = f"redis://127.0.0.1:{cache_wire.port}/0"
    app = create_app(replace(config, db_connection_string=database, redis_url=cache))
    async with app.test_app():
        yield app
        # Closing should not have to wait for servers that hang.
        for wire in (database_wire, cache_wire):
            wire.heal()


async def test_the_front_page_says_what_this_is_and_its_links_work(client: Client) -> None:
    response = await client.get("/")
    page = await response.get_json()
    assert response.status_code == 200
    assert (page["name"], page["version"]) == ("AccessibleTrader", VERSION)
    local = [link["href"] for link in page["links"] if "market=crypto" not in link["href"]]
    assert len(local) >= 4
    answers = {href: (await client.get(href)).status_code for href in local}
    assert answers == dict.fromkeys(local, 200)


async def test_a_healthy_service_says_so(client: Client) -> None:
    response = await client.get("/health")
    health = await response.get_json()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert (health["status"], health["version"]) == ("ok", VERSION)
    assert health["cache"]["status"] == health["database"]["status"] == "ok"
    assert 0 <= health["database"]["latency_ms"] < 1_000
    ready = await client.get("/ready")
    assert ready.status_code == 200
    assert await ready.get_json() == {
        "ready": True,
        "draining": False,
        "database": "ok",
        "migrations": "current",
        "degraded": [],
    }


@pytest.mark.parametrize("fault", ["hang", "cut"])
async def test_without_its_cache_the_service_is_degraded_and_ready(
    wired: Quart, cache_wire: Relay, fault: str
) -> None:
    client = wired.test_client()
    getattr(cache_wire, fault)()
    async with asyncio.timeout(ANSWER_WITHIN_S):
        health, ready = await asyncio.gather(client.get("/health"), client.get("/ready"))
    body = await health.get_json()
    assert (health.status_code, body["status"]) == (200, "degraded")
    assert body["cache"] == {"status": "unavailable"}
    assert ready.status_code == 200
    assert (await ready.get_json())["degraded"] == ["cache"]


@pytest.mark.parametrize("fault", ["hang", "cut"])
async def test_without_its_database_the_service_is_unavailable_but_lives_and_recovers(
    wired: Quart, database_wire: Relay, fault: str
) -> None:
    client = wired.test_client()
    getattr(database_wire, fault)()
    async with asyncio.timeout(ANSWER_WITHIN_S):
        health, ready = await asyncio.gather(client.get("/health"), client.get("/ready"))
    body = await health.get_json()
    assert (health.status_code, body["status"]) == (503, "unavailable")
    assert body["database"] == {"status": "unavailable"}
    assert body["cache"]["status"] == "ok"
    answer = await ready.get_json()
    assert (ready.status_code, answer["ready"], answer["migrations"]) == (503, False, "unknown")
    live = await client.get("/live")
    assert (live.status_code, await live.get_json()) == (200, {"status": "ok"})
    database_wire.heal()
    async with asyncio.timeout(30):
        while (await client.get("/health")).status_code != 200:
            continue


async def test_probes_of_a_hanging_database_leave_nothing_behind(wired: Quart, database_wire: Relay) -> None:
    client = wired.test_client()
    database_wire.hang()
    async with asyncio.timeout(4 * ANSWER_WITHIN_S):
        statuses = [(await client.get("/health")).status_code for _ in range(4)]
    assert statuses == [503] * 4


async def test_a_service_that_stops_wants_no_new_requests_but_lives(app: Quart, client: Client) -> None:
    app.extensions[DRAINING] = True
    ready = await client.get("/ready")
    assert ready.status_code == 503
    answer = await ready.get_json()
    assert (answer["ready"], answer["draining"], answer["degraded"]) == (False, True, [])
    assert (await client.get("/live")).status_code == 200


async def test_with_the_schema_of_an_older_program_no_requests_are_wanted(
    client: Client, pool: asyncpg.Pool
) -> None:
    newest = await pool.fetchrow(
        "DELETE FROM schema_migration WHERE version = (SELECT max(version) FROM schema_migration) RETURNING *"
    )
    try:
        ready, health = await client.get("/ready"), await client.get("/health")
    finally:
        await pool.execute("INSERT INTO schema_migration VALUES ($1, $2, $3, $4, $5)", *newest.values())
    answer = await ready.get_json()
    assert (ready.status_code, answer["ready"], answer["migrations"]) == (503, False, "pending")
    assert (answer["database"], health.status_code) == ("ok", 200)
    assert (await client.get("/ready")).status_code == 200


async def test_a_database_that_nobody_migrated_is_known_as_one(empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    try:
        assert await select_schema_version(connection, timeout_s=4.0) == 0
    finally:
        await connection.close()


def test_draining_is_known_by_one_name() -> None:
    assert DRAINING == DRAINING_SET_BY
