"""A small pool of threads for slow hashing, so that sign-ins never hold up the market.

They come after everybody else. While a thread of the usual low priority hashes, the event loop loses the
core in the middle of an answer, for a tick of the system's clock: one time in ten where it works for three
milliseconds. To threads of the lowest it hardly ever does; but on a core that something else keeps busy,
these are starved. Then the same is hashed by one thread more of the usual low priority.
"""

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
LAST_NICENESS = 19
# A tenth of a busy core, which is enough for a hash in time.
STARVED_NICENESS = 10
# Where nothing was hashed for so long, the threads that come last are starved; that is believed for a while.
STARVED_AFTER_S = 1.5
STARVED_FOR_S = 30.0

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
        self._last = _threads(threads, "hash last", LAST_NICENESS)
        self._starved = _threads(1, "hash starved", STARVED_NICENESS)
        self._starved_until_s = 0.0
        self._hashed = 0
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
        is_starved = self._is_starved()
        first = (self._starved if is_starved else self._last).submit(work)
        first.add_done_callback(self._note_done)
        tries = [asyncio.wrap_future(first)]
        try:
            async with asyncio.timeout(HASH_TIMEOUT_S):
                if not is_starved and not await self._is_done_unless_starved(tries[0]):
                    tries.append(asyncio.wrap_future(self._starved.submit(work)))
                done, _ = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        except TimeoutError as error:
            raise _busy() from error
        finally:
            for each in tries:
                _let_go(each)

    def _note_done(self, _: object) -> None:
        # The place is free when the work is over, which may be after the caller has gone.
        self._hashed += 1
        self._places.release()

    def _is_starved(self) -> bool:
        return asyncio.get_running_loop().time() < self._starved_until_s

    async def _is_done_unless_starved(self, trying: "asyncio.Future[T]") -> bool:
        seen = -1
        while seen != self._hashed and not self._is_starved():
            seen = self._hashed
            await asyncio.wait([trying], timeout=STARVED_AFTER_S)
            if trying.done():
                return True
        self._starved_until_s = asyncio.get_running_loop().time() + STARVED_FOR_S
        return False

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
        self._last.shutdown(wait=False, cancel_futures=True)
        self._starved.shutdown(wait=False, cancel_futures=True)


def _threads(count: int, name: str, niceness: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=give_way, initargs=(niceness,))


def _let_go(trying: "asyncio.Future[T]") -> None:
    # What has not begun is dropped; of what failed beside another that did not, nobody asks how.
    if not trying.cancel() and not trying.cancelled():
        trying.exception()


def _busy() -> Unavailable:
    return Unavailable(
        "Too many people are signing in at this moment. Try again in a few seconds.",
        code="busy",
        retry_after_s=random.randint(BUSY_RETRY_SHORTEST_S, BUSY_RETRY_LONGEST_S),  # noqa: S311 - no secret
    )
