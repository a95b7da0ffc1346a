"""What the system knows of a process, where it has /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """Say what a process takes; ``descriptors_max`` is as many as it may hold."""

    resident_bytes: int
    descriptors: int
    descriptors_max: int


def use_of(pid: int) -> ProcessUse | None:
    """Return what a process takes; None when it is gone, or where nobody can tell."""
    of_process = Path("/proc") / str(pid)
    try:
        resident_pages = int((of_process / "statm").read_text().split()[1])
        # A path interns its name, and the table of interned strings grows by whatever was in it.
        descriptors = len(os.listdir(of_process / "fd"))  # noqa: PTH208
        limits = (of_process / "limits").read_text().splitlines()
    except (OSError, IndexError, ValueError):
        return None
    open_files = next(line.split() for line in limits if line.startswith("Max open files"))
    most = int(open_files[3]) if open_files[3].isdigit() else 0
    return ProcessUse(resident_pages * PAGE_BYTES, descriptors, most)
