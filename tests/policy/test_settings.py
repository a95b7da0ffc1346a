"""Each setting is declared once and documented where people look."""

import subprocess
import sys
import tomllib

from config import declared_settings, env_example
from tests.policy.source import ROOT
from utils.version import VERSION


def test_the_example_file_is_current() -> None:
    printed = subprocess.run(
        [sys.executable, "config.py"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert (ROOT / ".env.example").read_text() == printed.stdout == env_example()


def test_every_setting_has_a_sentence_that_ends() -> None:
    settings = declared_settings()
    assert len(settings) > 20
    unfinished = [
        field.metadata["name"] for field in settings if not field.metadata["sentence"].rstrip().endswith(".")
    ]
    assert not unfinished, unfinished


def test_the_version_is_the_same_wherever_it_stands() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
