"""The documents about the interfaces, and the product on the simulated market in a thread of its own."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from quart import Quart

from app import create_app
from app_extensions.asyncapi import build_asyncapi
from app_extensions.embedded import EmbeddedAddresses
from app_extensions.migrations import migrate_blocking
from app_extensions.openapi import build_openapi
from config import Config, load_config
from tests.contract.service import Served, serving
from tests.databases import create_database, database_beside, execute, name_of
from utils.clock import Clock

DATABASE = "contract"
# Two months after the simulated market opened: however much is asked of it, it has little to make up.
EARLY_MS = 1_709_251_200_000  # 2024-03-01


def _config(var_dir: object) -> Config:
    settings = {
        "ENV": "test",
        "SECRET_KEY": "a-key-that-only-the-tests-know-0123456789",
        "VAR_DIR": str(var_dir),
        "DEFAULT_MARKET": "simulated",
        "DEFAULT_EXCHANGE": "simex",
    }
    return load_config(settings, dotenv=None)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Quart:
    """The whole app; it opens nothing until it serves."""
    return create_app(_config(tmp_path_factory.mktemp("var")))


@pytest.fixture(scope="session")
def openapi(built: Quart) -> dict[str, Any]:
    return build_openapi(built)


@pytest.fixture(scope="session")
def asyncapi(built: Quart) -> dict[str, Any]:
    return build_asyncapi(built)


async def _create_database(dsn: str) -> str:
    await execute(dsn, f"DROP DATABASE IF EXISTS {name_of(database_beside(dsn, DATABASE))} WITH (FORCE)")
    return await create_database(dsn, DATABASE)


@pytest.fixture(scope="module")
def served(
    empty_dsn: str, servers: EmbeddedAddresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The product, with a database that no other test empties."""
    dsn = asyncio.run(_create_database(empty_dsn))
    migrate_blocking(dsn)
    config = _config(tmp_path_factory.mktemp("served"))
    late_ms = Clock().now_ms() - EARLY_MS
    clock = Clock(now_ms=lambda: Clock().now_ms() - late_ms)
    config = replace(config, db_connection_string=dsn, redis_url=servers.redis_url or "")
    app = create_app(config, clock)
    with serving(app) as found:
        yield found
