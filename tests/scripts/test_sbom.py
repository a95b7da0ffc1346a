"""The list of libraries names all that the lock names, each with its hashes."""

import json
import re
import subprocess
import sys

from tests.policy.source import ROOT


def test_every_locked_library_is_listed_with_its_hashes() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    printed = subprocess.run(
        [sys.executable, "scripts/sbom.py", "requirements.txt"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    listed = json.loads(printed)
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", lock, re.MULTILINE)
    assert len(pins) > 30
    assert [(each["name"], each["version"]) for each in listed["components"]] == [
        (re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in pins
    ]
    assert all(each["hashes"] for each in listed["components"])
    assert sum(len(each["hashes"]) for each in listed["components"]) == lock.count("--hash=sha256:")
