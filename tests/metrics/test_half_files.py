"""A worker that begins makes its files; who reads the numbers of all workers meanwhile finds them whole."""

import threading
from pathlib import Path

import pytest

from app_extensions.metrics_files import read_files
from utils.metrics import DIRECTORY, Figure, reserve_files

READS = 300


def test_numbers_are_read_while_files_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    monkeypatch.setattr(Figure, "kept", Figure.kept)
    reserve_files([])
    over = threading.Event()

    def begin_again_and_again() -> None:
        while not over.is_set():
            reserve_files([])

    beginning = threading.Thread(target=begin_again_and_again)
    beginning.start()
    try:
        for _ in range(READS):
            assert not list(read_files(tmp_path))
    finally:
        over.set()
        beginning.join()
    assert not list(tmp_path.glob("*.draft"))
