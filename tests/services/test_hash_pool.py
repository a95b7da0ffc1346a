"""The hashing threads: bounded, and never on the event loop's time."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import pytest

from services.hash_pool import HASH_THREADS_MAX, LAST_NICENESS, STARVED_NICENESS, HashPool, hash_threads
from utils.errors import Unavailable

DEADLINE_S = 10


@pytest.fixture
def hash_pool() -> Iterator[HashPool]:
    pool = HashPool(threads=2, queue_max=3)
    yield pool
    pool.close()
    for thread in threading.enumerate():
        if thread.name.startswith("hash "):
            thread.join(DEADLINE_S)


async def test_work_is_done_in_a_thread_of_the_pool(hash_pool: HashPool) -> None:
    name = await hash_pool.run(lambda: threading.current_thread().name)

    assert name.startswith("hash")


async def test_an_error_of_the_work_reaches_the_caller_and_frees_the_place(hash_pool: HashPool) -> None:
    for _ in range(6):
        with pytest.raises(ZeroDivisionError):
            await hash_pool.run(lambda: 1 // 0)


async def test_one_more_than_fits_is_refused_at_once_and_the_rest_are_served(hash_pool: HashPool) -> None:
    gate = threading.Event()
    try:
        callers = [asyncio.create_task(hash_pool.run(lambda: gate.wait(DEADLINE_S))) for _ in range(5)]
        await asyncio.sleep(0)

        with pytest.raises(Unavailable, match="Try again") as caught:
            await hash_pool.run(lambda: True)
    finally:
        gate.set()

    assert caught.value.retry_after_s
    assert await asyncio.gather(*callers) == [True] * 5
    assert await hash_pool.run(lambda: "free again") == "free again"


async def test_a_caller_who_leaves_before_their_turn_frees_the_place(hash_pool: HashPool) -> None:
    gate = threading.Event()
    done: list[str] = []
    try:
        running = [asyncio.create_task(hash_pool.run(lambda: gate.wait(DEADLINE_S))) for _ in range(2)]
        waiting = [asyncio.create_task(hash_pool.run(lambda: done.append("late"))) for _ in range(3)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        assert all(
            isinstance(outcome, asyncio.CancelledError)
            for outcome in await asyncio.gather(*waiting, return_exceptions=True)
        )

        returning = [asyncio.create_task(hash_pool.run(lambda: True)) for _ in range(3)]
        await asyncio.sleep(0)
    finally:
        gate.set()

    assert await asyncio.gather(*running, *returning) == [True] * 5
    assert done == []


async def test_a_caller_who_leaves_during_the_work_keeps_the_place_until_it_is_done(
    hash_pool: HashPool,
) -> None:
    gate, begun = threading.Event(), threading.Barrier(3, timeout=DEADLINE_S)

    def work() -> None:
        begun.wait()
        gate.wait(DEADLINE_S)

    try:
        running = [asyncio.create_task(hash_pool.run(work)) for _ in range(2)]
        await asyncio.to_thread(begun.wait)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

        waiting = [asyncio.create_task(hash_pool.run(lambda: True)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await hash_pool.run(lambda: True)
    finally:
        gate.set()

    assert await asyncio.gather(*waiting) == [True] * 3


async def test_a_turn_that_does_not_come_in_time_is_given_up(
    hash_pool: HashPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.hash_pool.HASH_TIMEOUT_S", 0.01)
    gate = threading.Event()
    try:
        with pytest.raises(Unavailable, match="Try again"):
            await hash_pool.run(lambda: gate.wait(DEADLINE_S))
    finally:
        gate.set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can be given one core")
def test_no_two_threads_of_a_worker_hash_on_one_core() -> None:
    ours = os.sched_getaffinity(0)
    assert hash_threads(workers=len(ours)) == 1
    assert hash_threads(workers=64) == 1
    if len(ours) > 1:
        assert hash_threads(workers=1) == HASH_THREADS_MAX
    try:
        os.sched_setaffinity(0, {min(ours)})
        assert hash_threads(workers=1) == 1
    finally:
        os.sched_setaffinity(0, ours)


def own_niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is that of the whole process")
async def test_hashing_comes_after_everything_else(hash_pool: HashPool) -> None:
    assert await hash_pool.run(own_niceness) == LAST_NICENESS


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is that of the whole process")
async def test_what_is_starved_there_is_hashed_with_a_share_of_the_core(
    hash_pool: HashPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.hash_pool.STARVED_AFTER_S", 0.02)
    core_is_free = threading.Event()
    ours = own_niceness()

    def hash_slowly() -> int:
        # The threads that come last get nowhere while something else keeps the core.
        if own_niceness() == LAST_NICENESS:
            core_is_free.wait(DEADLINE_S)
        return own_niceness()

    try:
        asked = [asyncio.create_task(hash_pool.run(hash_slowly)) for _ in range(4)]
        assert await asyncio.gather(*asked) == [max(ours, STARVED_NICENESS)] * 4
        # It is known by now, and nobody waits to find it out again.
        monkeypatch.setattr("services.hash_pool.STARVED_AFTER_S", DEADLINE_S)
        assert await hash_pool.run(hash_slowly) == max(ours, STARVED_NICENESS)
        monkeypatch.setattr(hash_pool, "_starved_until_s", 0.0)
    finally:
        core_is_free.set()
    assert await hash_pool.run(hash_slowly) == LAST_NICENESS


async def test_a_long_queue_is_not_taken_for_starving(
    hash_pool: HashPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.hash_pool.STARVED_AFTER_S", 0.5)
    step = threading.Event()

    def hash_slowly() -> bool:
        return step.wait(0.3)

    # Two at a time, the last of them after nine tenths of a second: longer than it takes to starve.
    await asyncio.gather(*(hash_pool.run(hash_slowly) for _ in range(5)))
    names = {thread.name.rpartition("_")[0] for thread in threading.enumerate()}
    assert "hash last" in names
    assert "hash starved" not in names


async def test_one_too_many_is_refused_and_not_told_to_come_back_with_the_others(hash_pool: HashPool) -> None:
    over = asyncio.Event()
    holding: list[str] = []

    async def hold(name: str) -> None:
        async with hash_pool.turn():
            holding.append(name)
            await over.wait()

    waits_s = set()
    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(hold(f"guest {number}"))
        await asyncio.sleep(0)
        for _ in range(200):
            with pytest.raises(Unavailable) as caught:
                async with hash_pool.turn():
                    pass
            waits_s.add(caught.value.retry_after_s)
        # Two threads, and one who is ready for the first that is free.
        assert holding == ["guest 0", "guest 1", "guest 2"]
        over.set()
    assert waits_s == {2, 3, 4, 5, 6}
    assert len(holding) == 5
    async with hash_pool.turn():
        assert await hash_pool.run(lambda: "free again") == "free again"


async def test_who_leaves_while_they_wait_for_their_turn_keeps_no_place(hash_pool: HashPool) -> None:
    over = asyncio.Event()

    async def hold() -> None:
        async with hash_pool.turn():
            await over.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    over.set()
    await asyncio.gather(*(hold() for _ in range(5)))


async def test_a_turn_that_does_not_come_in_time_is_refused(
    hash_pool: HashPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.hash_pool.HASH_TIMEOUT_S", 0.01)
    async with hash_pool.turn(), hash_pool.turn(), hash_pool.turn():
        with pytest.raises(Unavailable) as caught:
            async with hash_pool.turn():
                pass
    assert caught.value.error_code == "busy"
