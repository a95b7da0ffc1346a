"""Databases that are copied, and empty ones to copy them into."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.backups.rows import EVERYTHING
from tests.databases import TIMESCALE_DSN, execute

NewDatabase = Callable[[], Awaitable[str]]
needs_timescale = pytest.mark.skipif(
    not TIMESCALE_DSN,
    reason="NOT TESTED: copies with TimescaleDB; set TIMESCALE_TEST_DSN to a server that has the extension",
)
_numbers = count(1)


async def fetch(dsn: str, query: str, *args: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query, *args)
    finally:
        await connection.close()


async def made_databases(server: str) -> AsyncIterator[NewDatabase]:
    """Makes databases without a schema, and removes them after the test."""
    names: list[str] = []

    async def make() -> str:
        names.append(f"copied_{os.getpid()}_{next(_numbers)}")
        await execute(server, f"CREATE DATABASE {names[-1]}")
        return urlsplit(server)._replace(path=f"/{names[-1]}").geturl()

    yield make
    for name in names:
        await execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def new_database(empty_dsn: str) -> AsyncIterator[NewDatabase]:
    async for make in made_databases(empty_dsn):
        yield make


@pytest.fixture
async def empty(new_database: NewDatabase) -> str:
    """A database without a schema."""
    return await new_database()


@pytest.fixture
async def timescale() -> AsyncIterator[str]:
    """A database without a schema on the TimescaleDB server."""
    async for make in made_databases(TIMESCALE_DSN):
        yield await make()


@pytest.fixture
async def full(dsn: str) -> str:
    """A database with rows in every table."""
    await execute(dsn, EVERYTHING)
    return dsn
