"""Setting up the environment: two who begin at once make it once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "environment.sh"
UV = f"""#!/bin/sh
case "$1" in
venv) mkdir -p .venv/bin && ln -sf {sys.executable} .venv/bin/python ;;
pip) echo installed >>log && sleep 0.5 ;;
esac
"""
DEADLINE_S = 60


@pytest.mark.skipif(shutil.which("flock") is None, reason="no flock here")
def test_two_set_ups_at_once_make_one_environment(tmp_path: Path) -> None:
    (tmp_path / "uv").write_text(UV)
    (tmp_path / "uv").chmod(0o755)
    (tmp_path / "locked.txt").write_text("a==1\n")
    command = ["bash", "-euo", "pipefail", "-c", f". {SCRIPT}; set_up run locked.txt"]
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    both = [subprocess.Popen(command, cwd=tmp_path, env=environment) for _ in range(2)]
    assert [each.wait(DEADLINE_S) for each in both] == [0, 0]
    assert (tmp_path / "log").read_text() == "installed\n"
