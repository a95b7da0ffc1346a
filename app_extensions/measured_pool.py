"""A pool of connections that measures how long one waits for a connection, and lets no request wait long.

A request has an end to its waiting from asking for a connection until that is given back: what hangs then is
cut off, since to cancel it would mean to ask the database that hangs. What was answered costs nothing of it.

A connection that is given back is asked nothing more: asyncpg would have it unlock, unlisten and reset each
time, one question more for every one that is asked. Nothing of ours leaves such a state on a connection of a
pool, and ``tests/policy/test_session_state.py`` sees to it; a transaction left open is still rolled back.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import suppress
from types import TracebackType
from typing import Any

import asyncpg
from asyncpg.pool import PoolAcquireContext

from services.stores.losses import DATABASE_FAULTS, DatabaseSilent
from utils.figures import DATABASE_WAIT
from utils.waiting import WaitingRequest, waiting_request

# With the rest of an answer this stays below three seconds.
REQUEST_WAIT_MAX_S = 2.5
# For so long after somebody has waited in vain, the next ones wait less, until anything is answered.
REMEMBERED_S = 5.0
NEXT_WAIT_MAX_S = 1.0
# What asyncpg raises when its connection is cut: between two steps it does not look whether it is there.
CUT_OFF = (*DATABASE_FAULTS, AttributeError)


class CleanConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg does not tell its types
    """Be a connection on which nobody leaves anything to reset."""

    def get_reset_query(self) -> str:
        """Return nothing: the question that asyncpg asks when a connection is given back."""
        return ""


class MeasuredPool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg does not tell its types
    """Be the pool of asyncpg, and note each wait; everything it does passes ``acquire``."""

    _doubtful_until_s = 0.0

    def acquire(self, *, timeout: float | None = None) -> Any:
        """Return a connection to wait for, or to enter; a request gets no more time than it has."""
        request = waiting_request()
        if request is None:
            return _Acquiring(self, super().acquire(timeout=timeout), None)
        wait_max_s = self._wait_max_s(request)
        shorter_s = wait_max_s if timeout is None else min(timeout, wait_max_s)
        hurry = _Hurry(self, request, wait_max_s)
        return _Acquiring(self, super().acquire(timeout=shorter_s), hurry)

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Take a connection back, whatever becomes of who had it."""
        # asyncpg goes on with it for who is cancelled meanwhile, and lets nobody know how that ended.
        releasing = asyncio.create_task(super().release(connection, timeout=timeout))
        releasing.add_done_callback(_retrieve)
        await asyncio.shield(releasing)

    def note_answer(self) -> None:
        """Know that the database answers."""
        self._doubtful_until_s = 0.0

    def note_silence(self) -> None:
        """Know that the database let somebody wait in vain."""
        now_s = time.monotonic()
        # From the first of a row: after that, somebody tries again with all the time there is.
        if now_s >= self._doubtful_until_s:
            self._doubtful_until_s = now_s + REMEMBERED_S

    def _wait_max_s(self, request: WaitingRequest) -> float:
        if request.in_vain:
            return 0.0
        return NEXT_WAIT_MAX_S if time.monotonic() < self._doubtful_until_s else REQUEST_WAIT_MAX_S


def _retrieve(releasing: "asyncio.Task[None]") -> None:
    # A connection that could not be made clean is thrown away by then.
    if not releasing.cancelled():
        releasing.exception()


class _Hurry:
    """The end of the time that a request has for one connection and all it asks over it."""

    __slots__ = ("_end_s", "_pool", "_request", "_timer", "over")

    def __init__(self, pool: MeasuredPool, request: WaitingRequest, wait_max_s: float) -> None:
        self._pool = pool
        self._request = request
        self._end_s = asyncio.get_running_loop().time() + wait_max_s
        self._timer: asyncio.TimerHandle | None = None
        self.over = False

    def begin(self, connection: Any) -> None:
        """Cut the connection off when the time is over."""
        self._timer = asyncio.get_running_loop().call_at(self._end_s, self._cut, connection)

    def end(self) -> None:
        """Leave the connection alone."""
        if self._timer is not None:
            self._timer.cancel()

    def note_silence(self) -> None:
        """Let nothing that this request still asks take time."""
        self._request.in_vain = True
        self._pool.note_silence()

    def _cut(self, connection: Any) -> None:
        if self._request.answered:
            return
        self.over = True
        self.note_silence()
        with suppress(asyncpg.InterfaceError):  # given back already
            connection.terminate()


class _Acquiring:
    __slots__ = ("_context", "_hurry", "_pool")

    def __init__(self, pool: MeasuredPool, context: PoolAcquireContext, hurry: _Hurry | None) -> None:
        self._pool = pool
        self._context = context
        self._hurry = hurry

    async def __aenter__(self) -> Any:
        began_s = time.perf_counter()
        try:
            connection = await self._context.__aenter__()
        except TimeoutError as error:
            if self._hurry is not None:
                self._hurry.note_silence()
            raise DatabaseSilent from error
        finally:
            DATABASE_WAIT.note(time.perf_counter() - began_s)
        if self._hurry is not None:
            self._hurry.begin(connection)
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._context.__aexit__(kind, error, trace)
        finally:
            if self._hurry is not None:
                self._hurry.end()
        if kind is None:
            self._pool.note_answer()
        elif self._hurry is not None and self._hurry.over and isinstance(error, CUT_OFF):
            raise DatabaseSilent from error

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
        connection_class=CleanConnection,
        record_class=asyncpg.Record,
        **connecting,
    )
