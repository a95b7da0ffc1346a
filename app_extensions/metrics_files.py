"""Where workers keep their numbers: a directory of the launcher's, one file a worker and kind.

What a worker has counted is still true when it has died. Its counts are added to those of the dead before its
files go, so that no count ever falls and the files do not grow in number.
"""

import contextlib
import fcntl
import os
import shutil
import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from utils.metrics import FILE_BYTES

# Their types are not told.
NumbersFile: Any = MmapedDict
Collector: Any = MultiProcessCollector
forget_levels: Any = mark_process_dead

NAME = "metrics"
LOCK = "lock"


@contextlib.contextmanager
def files_directory(var_dir: Path) -> Iterator[Path]:
    """Make an empty directory below ``var_dir`` for the workers of this process, and remove it at the end.

    Several launchers may have one ``var_dir``, in containers of their own too: what those that are gone left
    behind is removed.
    Raises: OSError.
    """
    every = var_dir / NAME
    every.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in every.iterdir():
        # Another user's, or removed by somebody else meanwhile.
        with contextlib.suppress(OSError), _locked(left) as ours:
            if ours:
                shutil.rmtree(left, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        own = _make_own(every, stack)
        stack.callback(shutil.rmtree, own, ignore_errors=True)
        for kind, size in FILE_BYTES.items():
            _dead(own, kind).write_bytes(bytes(size))
        yield own.absolute()


def bury(directory: Path, pid: int) -> None:
    """Keep what a worker that has ended counted, and forget its levels. Raises: OSError."""
    forget_levels(pid, str(directory))
    for kind in FILE_BYTES:
        left = directory / f"{kind}_{pid}.db"
        if left.exists():
            _add(left, _dead(directory, kind))
            left.unlink()


def read_files(directory: Path) -> Iterable[Metric]:
    """Return the numbers of all workers together. Raises: OSError, ValueError."""
    try:
        metrics: Iterable[Metric] = Collector(None, str(directory)).collect()
    except (RuntimeError, struct.error) as error:
        raise ValueError("a file of metrics is not whole") from error
    return metrics


def _dead(directory: Path, kind: str) -> Path:
    return directory / f"{kind}_dead.db"


def _add(left: Path, dead: Path) -> None:
    try:
        counted = list(NumbersFile.read_all_values_from_file(str(left)))
    except (RuntimeError, struct.error):
        return  # it died while it made its file
    sums = NumbersFile(str(dead))
    try:
        for key, value, _, _ in counted:
            before, _ = sums.read_value(key)
            sums.write_value(key, before + value, 0.0)
    finally:
        sums.close()


def _make_own(every: Path, stack: contextlib.ExitStack) -> Path:
    while True:
        own = Path(tempfile.mkdtemp(dir=every))
        # A launcher that begins at this moment may take it for one that was left.
        with contextlib.suppress(FileNotFoundError):
            if stack.enter_context(_locked(own)):
                return own


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    # Who lives is known by a lock and not by a process id, which says nothing outside of its container.
    path = directory / LOCK
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.path.samestat(os.fstat(lock.fileno()), path.stat())
        except (BlockingIOError, FileNotFoundError):
            ours = False
        yield ours
