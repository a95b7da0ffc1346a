"""The whole service, whose workers keep a diary of what they hold; it is run like ``app.py``.

Every ten seconds a worker writes one line of JSON into ``SOAK_DIARY_DIR``. A file is a life: its process.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

from quart import Quart

from app import create_app
from app_extensions.process_files import use_of
from app_extensions.server import main
from config import Config
from tests.attack.watched_app import connections_of_clients, open_descriptors

EVERY_S = 10.0
FAULTS_TOLD = 200
NEVER_RETRIEVED = "never retrieved"


HEAP_FIELDS = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
)  # fmt: skip


class Mallinfo(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later: mallinfo(3)."""

    _fields_ = [(name, ctypes.c_size_t) for name in HEAP_FIELDS]


def heap_of() -> dict[str, int]:
    """Return what the C library has given out, and what it keeps unused; nothing for another library."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        return {}
    mallinfo.restype = Mallinfo
    told = mallinfo()
    return {"heap_used": told.uordblks + told.hblkhd, "heap_free": told.fordblks}


def kinds_of(descriptors: list[str]) -> dict[str, int]:
    return dict(Counter(each.partition(":")[0] if ":[" in each else "file" for each in descriptors))


def names_of(tasks: set[asyncio.Task[Any]]) -> dict[str, int]:
    return dict(Counter(getattr(task.get_coro(), "__qualname__", "?") for task in tasks))


class Diary:
    """What one worker says of itself, and every fault that reached nobody but the event loop."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._never_retrieved = 0
        self._unhandled = 0
        self._faults: list[str] = []

    async def keep(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_fault)
        sys.unraisablehook = lambda fault: self._note(f"unraisable: {fault.exc_value!r} in {fault.object!r}")
        threading.excepthook = lambda fault: self._note(f"thread: {fault.exc_value!r}")
        while True:
            self.write()
            await asyncio.sleep(EVERY_S)

    def write(self) -> None:
        use, descriptors, tasks = use_of(os.getpid()), open_descriptors(), asyncio.all_tasks()
        assert use is not None
        line = {
            "at_s": round(time.time(), 1),
            "pid": os.getpid(),
            "rss": use.resident_bytes,
            "descriptors": len(descriptors),
            "kinds": kinds_of(descriptors),
            "clients": connections_of_clients(descriptors),
            "tasks": len(tasks),
            "names": names_of(tasks),
            "threads": threading.active_count(),
            "blocks": sys.getallocatedblocks(),
            **heap_of(),
            "unhandled": self._unhandled,
            "never_retrieved": self._never_retrieved,
            "faults": self._faults,
        }
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()
        self._faults = []

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._note(f"{context.get('message')}: {context.get('exception')!r}")
        loop.default_exception_handler(context)

    def _note(self, text: str) -> None:
        if NEVER_RETRIEVED in text:
            self._never_retrieved += 1
        else:
            self._unhandled += 1
        self._faults = [*self._faults, text[:500]][:FAULTS_TOLD]


def create_soaked_app(config: Config | None = None) -> Quart:
    """Return the app of the product, with a diary while it serves."""
    app = create_app(config)

    @app.while_serving
    async def keep_diary() -> AsyncIterator[None]:
        path = Path(os.environ["SOAK_DIARY_DIR"]) / f"life-{time.time_ns()}-{os.getpid()}.jsonl"
        with path.open("a") as out:
            diary = Diary(out)
            keeping = asyncio.create_task(diary.keep())
            yield
            diary.write()
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    return app


if __name__ == "__main__":
    sys.exit(main(create_soaked_app))
