"""A service goes on serving while the database under it is migrated further than it knows.

The code that runs is the old code of these tests: what it does not know are migrations made up here, of the
kinds that tests/policy/test_migrations.py allows, on the tables that are used most.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg
import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

from app import create_app
from app_extensions.migrations import SQL_DIR, MigrationError, migrate
from config import Config
from middleware.context import EXTENSION
from tests.backups.conftest import fetch
from tests.live.talk import Talk
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"
DEADLINE_S = 60
BUSY = (
    "series",
    "quiet_span",
    "bar",
    "app_user",
    "session",
    "refresh_token",
    "audit_event",
    "price_alert",
    "coin",
)
COLUMNS = "".join(
    f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS later text NULL;\n"
    f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS later_number integer NOT NULL DEFAULT 7;\n"
    for table in (*BUSY, "job_run", "idempotency_key", "sign_in_throttle", "known_place")
)
TABLE = """
CREATE TABLE IF NOT EXISTS later (
    user_id bigint PRIMARY KEY REFERENCES app_user (user_id) ON DELETE CASCADE,
    said text NOT NULL
);
"""
INDEX = """-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS session_later;
--;;
CREATE INDEX CONCURRENTLY session_later ON session (later, expires_at);
"""
LIVE = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"


@pytest.fixture
async def own_dsn(empty: str) -> str:
    """A migrated database that nobody else uses."""
    await migrate(empty)
    return empty


@pytest.fixture
async def app(config: Config, own_dsn: str) -> AsyncIterator[Quart]:
    created = create_app(replace(config, db_connection_string=own_dsn))
    created.config["PROPAGATE_EXCEPTIONS"] = False
    async with created.test_app():
        yield created


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The migrations there are, and three that this code knows nothing of."""
    folder = tmp_path / "sql"
    shutil.copytree(SQL_DIR, folder)
    for number, text in enumerate((COLUMNS, TABLE, INDEX), start=9_001):
        (folder / f"{number}_later.sql").write_text(text)
    return folder


@dataclass
class Traffic:
    """Requests of every kind, one after the other, and how they were answered."""

    client: Client
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    rounds: int = 0
    ended: bool = False
    access_token: str = ""

    async def ask(self, method: str, path: str, **options: object) -> dict[str, str]:
        answer = await getattr(self.client, method)(path, **options)
        self.statuses[path.partition("?")[0], answer.status_code] += 1
        body = await answer.get_json()
        return body if isinstance(body, dict) else {}

    async def sign_in(self) -> None:
        # Not in each round: only so many may sign in each minute.
        pair = await self.ask("post", "/auth/login", json={"username": "ada", "password": PASSWORD})
        spent = {"refresh_token": pair["refresh_token"]}
        self.access_token = (await self.ask("post", "/auth/refresh", json=spent))["access_token"]

    async def go_round(self, number: int) -> None:
        hour = 1_735_689_600_000 - number * 36_000_000
        market = "market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h"
        bearer = {"Authorization": f"Bearer {self.access_token}"}
        # Never asked for before: it is fetched and stored.
        await self.ask("get", f"/market/fetch_ohlcv?{market}&since={hour}&limit=10")
        alert = {"market": "simulated", "exchange": "simex", "symbol": "ETH/USD", "timeframe": "1m"}
        body = alert | {"kind": "cross_above", "level": str(900_000 + number)}
        made = await self.ask("post", "/api/v1/alerts", json=body, headers=bearer)
        await self.ask("delete", f"/api/v1/alerts/{made.get('id', 0)}", headers=bearer)
        await self.ask("get", "/api/v1/cryptocurrencies/", headers=bearer)
        await self.ask("get", "/api/v1/admin/users", headers=bearer)
        self.rounds += 1

    async def go_on(self) -> None:
        while not self.ended:
            await self.go_round(self.rounds)

    async def until_rounds(self, wanted: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while self.rounds < wanted:  # noqa: ASYNC110 - rounds are made on this loop
                await asyncio.sleep(0.01)

    @property
    def failed(self) -> dict[tuple[str, int], int]:
        return {key: count for key, count in self.statuses.items() if key[1] >= 400}


@asynccontextmanager
async def traffic_on(app: Quart) -> AsyncIterator[Traffic]:
    await app.extensions[EXTENSION].auth.create_user("ada", PASSWORD, Role.ADMIN)
    traffic = Traffic(app.test_client())
    await traffic.sign_in()
    task = asyncio.create_task(traffic.go_on(), name="traffic")
    try:
        await traffic.until_rounds(2)
        yield traffic
    finally:
        traffic.ended = True
        async with asyncio.timeout(DEADLINE_S):
            await task


async def test_a_service_goes_on_while_and_after_its_database_is_migrated(
    app: Quart, own_dsn: str, later: Path
) -> None:
    async with traffic_on(app) as traffic, app.test_client().websocket(LIVE) as connection:
        talk = Talk(connection)
        await talk.until("bar")
        assert await migrate(own_dsn, later) == ["9001_later", "9002_later", "9003_later"]
        await traffic.sign_in()
        await traffic.until_rounds(traffic.rounds + 3)
        for _ in range(3):
            await talk.until("bar")
    assert not traffic.failed
    # What was stored afterwards is stored in the new form.
    assert await fetch(own_dsn, "SELECT count(*) > 20, min(later_number) FROM bar") == [(True, 7)]


async def test_who_reads_for_long_makes_a_migration_wait_and_nobody_else(
    app: Quart, own_dsn: str, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app_extensions.migrations.TABLE_LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr("app_extensions.migrations.TABLE_LOCK_PAUSE_S", 0.05)
    reader = await asyncpg.connect(own_dsn)
    try:
        async with traffic_on(app) as traffic:
            reading = reader.transaction()
            await reading.start()
            await reader.execute("SELECT FROM session")
            migrating = asyncio.create_task(migrate(own_dsn, later))
            await traffic.until_rounds(traffic.rounds + 3)
            assert not migrating.done()
            await reading.rollback()
            async with asyncio.timeout(DEADLINE_S):
                assert len(await migrating) == 3
    finally:
        await reader.close()
    assert not traffic.failed


async def test_a_migration_that_never_gets_its_tables_says_so_and_has_changed_nothing(
    own_dsn: str, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app_extensions.migrations.TABLE_LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr("app_extensions.migrations.TABLE_LOCK_PAUSE_S", 0.01)
    monkeypatch.setattr("app_extensions.migrations.TABLE_LOCK_TRIES", 3)
    reader = await asyncpg.connect(own_dsn)
    try:
        async with reader.transaction():
            await reader.execute("SELECT FROM session")
            with pytest.raises(MigrationError, match="9001_later waited in vain for tables that others use"):
                await migrate(own_dsn, later)
    finally:
        await reader.close()
    columns = "SELECT FROM information_schema.columns WHERE column_name = 'later_number'"
    assert await fetch(own_dsn, columns) == []
