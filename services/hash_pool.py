"""A small pool of threads for slow hashing, so that sign-ins never hold up the market."""

import asyncio
import contextlib
import os
import random
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from utils.errors import Unavailable
from utils.scheduling import give_way

HASH_THREADS_MAX = 2
HASH_QUEUE_MAX = 16
HASH_TIMEOUT_S = 6.0
# Those who are refused together are not to come back together.
BUSY_RETRY_SHORTEST_S, BUSY_RETRY_LONGEST_S = 2, 6
NICENESS = 10

T = TypeVar("T")


def hash_threads(workers: int) -> int:
    """Return in how many threads each of so many workers hashes: one for each core that it has, or two.

    A second one on the same core hashes no faster. Whichever of them holds Python's lock may have to wait
    until the other's turn of the core is over, and the event loop waits with it: for four milliseconds.
    """
    # Not every system can say which cores are ours.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(HASH_THREADS_MAX, cores // workers))


class HashPool:
    """Run hashing in a few threads with at most sixteen calls waiting; one more is refused at once."""

    def __init__(self, threads: int = HASH_THREADS_MAX, queue_max: int = HASH_QUEUE_MAX) -> None:
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix="hash", initializer=give_way, initargs=(NICENESS,)
        )
        self._places = threading.BoundedSemaphore(threads + queue_max)
        self._guests_max = threads + queue_max
        self._guests = 0
        # One more than hash, so that its questions to the database are answered when a thread is free.
        self._turns = asyncio.Semaphore(threads + 1)

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns; a cancelled caller's work is dropped if it has not begun.

        Raises: Unavailable when the queue is full or the turn does not come in time.
        """
        if not self._places.acquire(blocking=False):
            raise _busy()
        future = self._executor.submit(work)
        # The place is free when the work is over, which may be after the caller has gone.
        future.add_done_callback(lambda _: self._places.release())
        try:
            async with asyncio.timeout(HASH_TIMEOUT_S):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise _busy() from error

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the turn of somebody who will hash, so that who still waits has asked for nothing else.

        Raises: Unavailable when as many wait as have a place, or when the turn does not come in time.
        """
        if self._guests >= self._guests_max:
            raise _busy()
        self._guests += 1
        try:
            await self._take_turn()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._guests -= 1

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(HASH_TIMEOUT_S):
                await self._turns.acquire()
        except TimeoutError as error:
            raise _busy() from error

    def close(self) -> None:
        """Drop what waits and let the threads end; work that runs ends on its own."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _busy() -> Unavailable:
    return Unavailable(
        "Too many people are signing in at this moment. Try again in a few seconds.",
        code="busy",
        retry_after_s=random.randint(BUSY_RETRY_SHORTEST_S, BUSY_RETRY_LONGEST_S),  # noqa: S311 - no secret
    )
