"""PostgreSQL on a disk that is full: writes are refused, reads go on, and it heals by itself.

It needs a disk of its own, a tmpfs, which only root may mount. What was seen is printed: run it with ``-s``.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.launcher.conftest import APP, Service
from tests.reliability.server_losses import PAST, WRITERS_EACH, Person, Watch, during, make_ready, until

DISK = "size=400m"
REFUSED_S, HEALED_S, HEALED_MAX_S = 60, 60, 30.0
FILLED_WITH = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is soon full, where the data of the launcher will be."""
    place = tmp_path / "var"
    place.mkdir(mode=0o700)
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root may mount the small disk that this needs.")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{DISK},mode=0700", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("NOT TESTED: no disk may be mounted here.")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (FILLED_WITH, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass


@pytest.mark.long
async def test_a_full_disk_refuses_writes_and_loses_none_that_was_acknowledged(
    small_disk: Path, launch: Callable[..., Service]
) -> None:
    service = launch(APP, RATE_LIMIT_PER_MINUTE="1000000", REGISTRATION="open", METRICS_PORT="0")
    filler = small_disk / "filler"
    async with aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=0)) as http:
        person = Person(http)
        await person.move_in("ada")
        await make_ready(http)
        reads = Watch(http, "/market/fetch_ohlcv", {"params": PAST})

        async def work() -> None:
            fill(filler)
            full_s = time.monotonic()
            await until(lambda: person.refused_s > full_s, REFUSED_S, "a refused write")
            filler.unlink()
            freed_s = time.monotonic()
            await until(
                lambda: person.acknowledged_s[-1] > freed_s, HEALED_S, "a write after the disk was freed"
            )
            healed_s = person.acknowledged_s[-1] - freed_s
            sys.stdout.write(f"written again {healed_s:.1f} s after there was room\n")
            assert healed_s <= HEALED_MAX_S

        writing = [asyncio.create_task(person.write_for_ever()) for _ in range(WRITERS_EACH)]
        try:
            await until(lambda: len(person.acknowledged_s) > 20, REFUSED_S, "writes")
            await during([reads], work())
        finally:
            for task in writing:
                task.cancel()
            await asyncio.wait(writing)
        acknowledged = len(person.acknowledged_s)
        sys.stdout.write(
            f"{acknowledged} acknowledged, refusals {person.refusals}, reads {reads.statuses()}\n"
        )
        assert not await person.faults()
        assert set(person.refusals) <= {0, 503}
        assert set(reads.statuses()) == {200}
