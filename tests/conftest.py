"""Real PostgreSQL, a real Valkey, and the app on the simulated market; one set of servers a test process."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from hypothesis import settings
from quart import Quart
from quart.testing.app import TestApp
from quart.testing.client import QuartClient
from quart.typing import TestClientProtocol
from redis.asyncio import Redis

from app import create_app
from app_extensions.db_pool import close_pool, open_pool
from app_extensions.embedded import EmbeddedAddresses, embedded_servers
from app_extensions.migrations import migrate_blocking
from app_extensions.redis_manager import open_redis
from config import Config, load_config
from tests.databases import (
    KEEP_STILL,
    TIMESCALE_DSN,
    borrowed_database,
    create_database,
    execute,
)
from tests.live_contract import hold_to_contract
from tests.one_slot import hold_to_one_slot
from tests.socket_client import SocketConnection

SECRET_KEY = "a-key-that-only-the-tests-know-0123456789"
# Whoever a killed process left connected is sent away first: it may hold a lock.
EMPTY_EVERY_TABLE = """
DO $$
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend';
    EXECUTE (
        SELECT format('TRUNCATE %s RESTART IDENTITY',
                      string_agg(format('%I.%I', schemaname, tablename), ', '))
        FROM pg_tables
        WHERE schemaname IN ('public', 'job_queue') AND tablename <> 'schema_migration'
    );
END
$$
"""


hold_to_one_slot()
# Machines are busy: how long an example took says nothing of the code.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAddresses]:
    with contextlib.ExitStack() as stack:
        own = embedded_servers(
            tmp_path_factory.mktemp("servers"), postgres=not TIMESCALE_DSN, valkey=True, durable=False
        )
        addresses = stack.enter_context(own)
        if TIMESCALE_DSN:
            borrowed = stack.enter_context(borrowed_database(TIMESCALE_DSN))
            addresses = replace(addresses, db_connection_string=borrowed)
        yield addresses


@pytest.fixture(scope="session")
def empty_dsn(servers: EmbeddedAddresses) -> str:
    """The address of a database that nobody migrates."""
    assert servers.db_connection_string
    return servers.db_connection_string


def _migrated(empty_dsn: str, database: str) -> str:
    dsn = asyncio.run(create_database(empty_dsn, database))
    migrate_blocking(dsn)
    asyncio.run(execute(dsn, KEEP_STILL))
    return dsn


@pytest.fixture(scope="session")
def template(empty_dsn: str) -> str:
    """The name of a migrated database that nobody empties, for services that run beside a test."""
    _migrated(empty_dsn, "migrated")
    return "migrated"


@pytest.fixture(scope="session")
def migrated_dsn(empty_dsn: str) -> str:
    return _migrated(empty_dsn, "under_test")


@pytest.fixture
async def dsn(migrated_dsn: str) -> str:
    """A migrated database without a row; emptying one takes a tenth of the time of making one."""
    await execute(migrated_dsn, EMPTY_EVERY_TABLE)
    return migrated_dsn


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    opened = await open_pool(dsn)
    yield opened
    await close_pool(opened)


@pytest.fixture
async def redis_url(servers: EmbeddedAddresses) -> str:
    """An empty Valkey."""
    assert servers.redis_url
    client = Redis.from_url(servers.redis_url)
    await client.flushall()
    await client.aclose()
    return servers.redis_url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = open_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def config(dsn: str, redis_url: str, tmp_path: Path) -> Config:
    defaults = load_config({"ENV": "test", "SECRET_KEY": SECRET_KEY, "VAR_DIR": str(tmp_path)}, dotenv=None)
    # What goes on by itself would be in the way of most tests; tests/jobs has apps that do jobs.
    return replace(
        defaults,
        db_connection_string=dsn,
        redis_url=redis_url,
        rate_limit_per_minute=100_000,
        jobs="apart",
    )


@pytest.fixture
async def app(config: Config) -> AsyncIterator[Quart]:
    """The app, serving; its services are open."""
    created = create_app(config)
    created.config["PROPAGATE_EXCEPTIONS"] = False
    async with TestApp(created):
        yield created


@pytest.fixture
def client(app: Quart) -> TestClientProtocol:
    return app.test_client()


@pytest.fixture(scope="module", autouse=True)
def there_before() -> None:
    """Spare the collection after each test what was there before its module: a tenth of a second and more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def closes_are_heard() -> Iterator[None]:
    """Let every client of an app hear when its WebSocket is closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QuartClient, "websocket_connection_class", SocketConnection)
        yield


@pytest.fixture(autouse=True)
def live_messages_are_documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test in which an app sent a live message that the AsyncAPI document does not know."""
    faults: list[str] = []
    start = TestApp.startup

    async def startup(self: TestApp) -> None:
        hold_to_contract(self.app, faults)
        await start(self)

    monkeypatch.setattr(TestApp, "startup", startup)
    yield
    assert not faults, faults


@pytest.fixture(autouse=True)
async def no_lost_tasks() -> AsyncIterator[None]:
    """Fail the test whose code left an error on the event loop or a task behind."""
    loop = asyncio.get_running_loop()
    faults: list[str] = []
    loop.set_exception_handler(lambda _, context: faults.append(str(context)))
    before = asyncio.all_tasks()
    yield
    gc.collect()
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    left = [task for task in left if task is not asyncio.current_task()]
    assert not faults, faults
    assert not left, left
