"""What only holds itself is freed, however old it has become; and what is there for good is left out."""

import asyncio
import ctypes
import gc
import linecache
import os
import time
import weakref
from collections.abc import Iterator

import pytest

from app_extensions import collector
from app_extensions.collector import settle_collector
from app_extensions.process_files import use_of

DEADLINE_S = 20
# More than Python's own allocator takes, less than what the system gives and takes back one by one.
PIECE_BYTES, PIECES = 4_096, 16_000
OLDEST_GENERATION = 2
WAITED_S = 0.05


class Ring:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    # What was frozen stays so: the collection after each test that is still to come has less to look at.
    gc.set_threshold(*threshold)


def resident_bytes() -> int:
    use = use_of(os.getpid())
    assert use is not None
    return use.resident_bytes


@pytest.mark.usefixtures("as_before")
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="NOT TESTED: no GNU C library")
async def test_what_is_free_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "SETTLED_AFTER_S", 0)
    monkeypatch.setattr(collector, "LOOK_EVERY_S", 0)
    pieces = [bytes(PIECE_BYTES) for _ in range(PIECES)]
    # With the last of them in use, the C library keeps all the others.
    del pieces[:-1]
    kept_bytes = resident_bytes()
    settle_collector(asyncio.get_running_loop())
    async with asyncio.timeout(DEADLINE_S):
        while resident_bytes() > kept_bytes - PIECES * PIECE_BYTES // 2:  # noqa: ASYNC110 - the system tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("as_before")
async def test_what_has_become_old_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "SETTLED_AFTER_S", 0)
    monkeypatch.setattr(collector, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(collector, "LOOK_SELDOM", 0)
    loop = asyncio.get_running_loop()
    settle_collector(loop)
    there_at_first = gc.get_freeze_count()
    there_soon = [[] for _ in range(1_000)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # Of what was there at first, some may have gone since.
    assert gc.get_freeze_count() > there_at_first + len(there_soon) / 2

    for _ in range(2):  # the next looks are planned by the look before
        gone = asyncio.Event()
        ring = Ring()
        weakref.finalize(ring, loop.call_soon, gone.set)
        gc.collect(0)
        gc.collect(1)
        del ring
        assert not gone.is_set()
        async with asyncio.timeout(DEADLINE_S):
            await gone.wait()


@pytest.mark.usefixtures("as_before")
async def test_the_source_that_a_traceback_has_shown_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "SETTLED_AFTER_S", 0)
    monkeypatch.setattr(collector, "LOOK_EVERY_S", 0)
    assert linecache.getlines(__file__)
    settle_collector(asyncio.get_running_loop())
    async with asyncio.timeout(DEADLINE_S):
        while __file__ in linecache.cache:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("as_before")
async def test_a_look_that_waited_for_its_core_puts_off_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "SETTLED_AFTER_S", 0)
    monkeypatch.setattr(collector, "LOOK_EVERY_S", 0)
    looks, third = [0], asyncio.Event()

    def held_up(phase: str, facts: dict[str, int]) -> None:
        if phase == "start" and facts["generation"] == OLDEST_GENERATION:
            time.sleep(WAITED_S)
            looks[0] += 1
            if looks[0] == 3:
                third.set()

    gc.callbacks.append(held_up)
    try:
        settle_collector(asyncio.get_running_loop())
        async with asyncio.timeout(DEADLINE_S):
            await third.wait()
    finally:
        gc.callbacks.remove(held_up)
