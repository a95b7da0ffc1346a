"""What only holds itself is freed, however old it has become; and what is there for good is left out."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from app_extensions import collector
from app_extensions.collector import settle_collector

DEADLINE_S = 20


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
