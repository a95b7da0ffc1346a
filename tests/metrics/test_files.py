"""Numbers of several workers, of which some die: together they are the sum, and no count ever falls."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from app_extensions.metrics_files import bury, files_directory, read_files
from tests.metrics.reading import Page, generate_latest
from utils import figures
from utils.metrics import DIRECTORY, FILE_BYTES, SUM, Figure, declared, reserve_files

COUNT_KEY = mmap_key("visits", "visits_total", ["door"], ["front"], "Visits.")
LEVEL_KEY = mmap_key("guests", "guests", [], [], "Guests.")
# So many processes there are not.
FIRST_PID = 2**30
LAUNCHERS = 8
ROOT = Path(__file__).parents[2]


def write(directory: Path, kind: str, pid: int, key: str, value: float) -> None:
    """Say what a worker's process would have written into its file."""
    numbers: Any = MmapedDict(str(directory / f"{kind}_{pid}.db"))
    numbers.write_value(key, value, 0.0)
    numbers.close()


def read(directory: Path) -> Page:
    class Files:
        def collect(self) -> Any:
            return read_files(directory)

    return Page(generate_latest(Files()).decode())


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["count", "die"]), st.integers(0, 9)), max_size=20)
)
def test_what_workers_counted_stays_when_they_die(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, str, int]]
) -> None:
    counted: dict[int, float] = {}
    pids: dict[int, int] = {}
    total = 0
    with files_directory(tmp_path_factory.mktemp("var")) as directory:
        for number, (worker, event, amount) in enumerate(events):
            pid = pids.setdefault(worker, FIRST_PID + number)
            if event == "die":
                bury(directory, pid)
                del pids[worker]
                counted.pop(pid, None)
            else:
                total += amount
                counted[pid] = counted.get(pid, 0) + amount
                write(directory, "counter", pid, COUNT_KEY, counted[pid])
            if total:
                assert read(directory).value("visits_total", door="front") == total
        # However many have died, there are no more files than workers and kinds.
        assert len(list(directory.glob("*.db"))) <= len(pids) + len(FILE_BYTES)


def test_a_level_is_that_of_the_living(tmp_path: Path) -> None:
    with files_directory(tmp_path) as directory:
        write(directory, f"gauge_{SUM}", FIRST_PID, LEVEL_KEY, 5)
        write(directory, f"gauge_{SUM}", FIRST_PID + 1, LEVEL_KEY, 2)
        assert read(directory).value("guests") == 7
        bury(directory, FIRST_PID)
        assert read(directory).value("guests") == 2


def test_a_file_that_was_not_finished_is_left_out(tmp_path: Path) -> None:
    with files_directory(tmp_path) as directory:
        (directory / f"counter_{FIRST_PID}.db").write_bytes(b"")
        bury(directory, FIRST_PID)
        assert read(directory).text == ""


def test_what_is_not_whole_is_said_to_be_so(tmp_path: Path) -> None:
    with files_directory(tmp_path) as directory:
        (directory / f"counter_{FIRST_PID}.db").write_bytes(b"")
        with pytest.raises(ValueError, match="not whole"):
            list(read_files(directory))


def test_launchers_of_one_volume_leave_each_other_alone_whatever_their_process_ids(tmp_path: Path) -> None:
    # Two containers, in each of which the launcher has the same id and does not see the other's processes.
    with files_directory(tmp_path) as first:
        write(first, "counter", FIRST_PID, COUNT_KEY, 3)
        with files_directory(tmp_path) as second:
            write(second, "counter", FIRST_PID, COUNT_KEY, 4)
            assert read(first).value("visits_total", door="front") == 3
            assert read(second).value("visits_total", door="front") == 4
        assert read(first).value("visits_total", door="front") == 3


def test_a_launcher_removes_what_dead_ones_left(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from app_extensions.metrics_files import files_directory\n"
        "with files_directory(Path(sys.argv[1])) as own: print(own, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with process:
        assert process.stdout
        left = Path(process.stdout.readline().decode().strip())
        with files_directory(tmp_path) as directory:
            assert left.exists()
            assert directory.stat().st_mode & 0o077 == 0
        process.kill()
    assert left.exists()
    with files_directory(tmp_path) as directory:
        assert [path.name for path in (tmp_path / "metrics").iterdir()] == [directory.name]
    assert list((tmp_path / "metrics").iterdir()) == []


def test_launchers_that_begin_at_the_same_time_all_have_their_files(tmp_path: Path) -> None:
    together = threading.Barrier(LAUNCHERS, timeout=30)

    def launch() -> set[str]:
        together.wait()
        with files_directory(tmp_path) as directory:
            together.wait()
            names = {path.name for path in directory.iterdir()}
            together.wait()
        return names

    with ThreadPoolExecutor(LAUNCHERS) as launchers:
        for _ in range(20):
            every = [launchers.submit(launch) for _ in range(LAUNCHERS)]
            for each in every:
                assert each.result() >= {f"{kind}_dead.db" for kind in FILE_BYTES}


def test_the_files_of_a_worker_take_their_place_on_the_disk_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A page of a file that is first written to when the disk is full ends the process that writes.
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    reserve_files(declared(figures))
    files = {path.name: path.stat() for path in tmp_path.iterdir()}
    assert set(files) >= {f"counter_{os.getpid()}.db", f"histogram_{os.getpid()}.db"}
    assert all(state.st_blocks * 512 >= state.st_size for state in files.values())


def test_where_there_is_no_room_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DIRECTORY, str(tmp_path / "gone"))
    monkeypatch.setattr(Figure, "kept", True)
    with pytest.raises(OSError, match="No such file"):
        reserve_files(declared(figures))
    figures.CONFLATED.add()
    assert list(figures.CONFLATED.collect()) == []
