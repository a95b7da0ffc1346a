"""Where workers keep their numbers: a directory of the launcher's, one file a worker and kind.

What a worker has counted is still true when it has died. Its counts are added to those of the dead before its
files go, so that no count ever falls and the files do not grow in number.
"""

import contextlib
import os
import shutil
import struct
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


@contextlib.contextmanager
def files_directory(var_dir: Path) -> Iterator[Path]:
    """Make an empty directory below ``var_dir`` for the workers of this process, and remove it at the end.

    Several launchers may have one ``var_dir``: what those that are gone left behind is removed.
    Raises: OSError.
    """
    every = var_dir / NAME
    every.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in every.iterdir():
        if not _lives(left.name):
            shutil.rmtree(left, ignore_errors=True)
    own = every / str(os.getpid())
    own.mkdir(mode=0o700)
    try:
        for kind, size in FILE_BYTES.items():
            _dead(own, kind).write_bytes(bytes(size))
        yield own.absolute()
    finally:
        shutil.rmtree(own, ignore_errors=True)


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


def _lives(name: str) -> bool:
    if not name.isdigit() or int(name) == os.getpid():
        return False
    try:
        os.kill(int(name), 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
