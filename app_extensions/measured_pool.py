"""A pool of connections that measures how long one waits for a connection."""

import time
from collections.abc import Generator
from types import TracebackType
from typing import Any

import asyncpg
from asyncpg.pool import PoolAcquireContext

from utils.figures import DATABASE_WAIT


class MeasuredPool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg does not tell its types
    """Be the pool of asyncpg, and note each wait; everything it does passes ``acquire``."""

    def acquire(self, *, timeout: float | None = None) -> Any:
        """Return a connection to wait for, or to enter."""
        return _Acquiring(super().acquire(timeout=timeout))


class _Acquiring:
    __slots__ = ("_context",)

    def __init__(self, context: PoolAcquireContext) -> None:
        self._context = context

    async def __aenter__(self) -> Any:
        began_s = time.perf_counter()
        try:
            return await self._context.__aenter__()
        finally:
            DATABASE_WAIT.note(time.perf_counter() - began_s)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._context.__aexit__(kind, error, trace)

    def __await__(self) -> Generator[Any, Any, Any]:
        began_s = time.perf_counter()
        try:
            return (yield from self._context.__await__())
        finally:
            DATABASE_WAIT.note(time.perf_counter() - began_s)


def make_pool(dsn: str, *, size_max: int, **connecting: Any) -> MeasuredPool:
    """Return a pool to wait for, of one connection at first; ``connecting`` is how each is made."""
    return MeasuredPool(
        dsn,
        min_size=1,
        max_size=size_max,
        # As asyncpg.create_pool has them.
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=None,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        **connecting,
    )
