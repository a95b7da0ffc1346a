"""Watching processes that are not our children, by what Linux tells of them."""

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def descendants(pid: int) -> set[int]:
    """Return the ids of all living processes that this one started, and theirs, and so on."""
    children: dict[int, set[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
            if state != "Z":
                children.setdefault(int(parent), set()).add(int(stat.parent.name))
    found: set[int] = set()
    unseen = {pid}
    while unseen:
        unseen = set().union(*(children.get(parent, set()) for parent in unseen)) - found
        found |= unseen
    return found


def started_at(pid: int) -> int:
    """Return when a process began, in ticks since the machine did; 0 when it has ended meanwhile."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19])
    return 0


def command_of(pid: int) -> str:
    """Return the command line of a process, empty when it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextlib.contextmanager
def watching(pids: set[int]) -> Iterator[Callable[[float], list[str]]]:
    """Give a function that waits for all of these processes to end, and returns what still runs."""
    watched: dict[int, str] = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            watched[os.pidfd_open(pid)] = command_of(pid)

    def still_running_after(timeout_s: float) -> list[str]:
        waiting = dict(watched)
        deadline = time.monotonic() + timeout_s
        while waiting and (left_s := deadline - time.monotonic()) > 0:
            for ended in select.select(list(waiting), [], [], left_s)[0]:
                del waiting[ended]
        return list(waiting.values())

    try:
        yield still_running_after
    finally:
        for descriptor in watched:
            os.close(descriptor)


def wait_for(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Wait for something that tells nobody when it happens, such as a file of another process."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.005)
