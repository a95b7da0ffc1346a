"""What the continuous integration runs: a second chance for tests, and none for checks."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project of one test that passes, which failed the last time somebody ran it, and of a check."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    for name, text in (
        (".ci/supply", "exit 0"),
        (".venv/bin/python", f'exec {sys.executable} "$@"'),
        # As ours: the checks come first.
        ("test.sh", 'set -e; ./check.sh; exec .venv/bin/python -m pytest -q -m "not long"'),
    ):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/usr/bin/env bash\n{text}\n")
        program.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["long: of minutes"]\n')
    (tmp_path / "test_it.py").write_text("def test_it() -> None:\n    assert True\n")
    cache = tmp_path / ".pytest_cache/v/cache"
    cache.mkdir(parents=True)
    (cache / "lastfailed").write_text('{"test_it.py::test_it": true}')
    return tmp_path


def runs_well(checkout: Path, *, check: str) -> bool:
    script = checkout / "check.sh"
    script.write_text(f"#!/usr/bin/env bash\n{check}\n")
    script.chmod(0o755)
    done = subprocess.run(
        [checkout / ".ci/run"], cwd=checkout, env={"PATH": "/usr/bin:/bin"}, timeout=60, check=False
    )
    return done.returncode == 0


def test_a_check_that_fails_fails_the_run_whatever_failed_before(checkout: Path) -> None:
    assert not runs_well(checkout, check="exit 1")


def test_a_run_without_a_failure_is_well(checkout: Path) -> None:
    assert runs_well(checkout, check="exit 0")


def test_a_test_that_fails_once_has_a_second_chance(checkout: Path) -> None:
    (checkout / "test_it.py").write_text(
        "from pathlib import Path\n\ndef test_it() -> None:\n"
        "    tried = Path('tried')\n    before = tried.exists()\n    tried.touch()\n    assert before\n"
    )
    assert runs_well(checkout, check="exit 0")
