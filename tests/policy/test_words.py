"""What may not stand in any file: somebody's machine, an unfinished thought without an issue."""

import re
from pathlib import Path

import pytest

from tests.policy.source import ROOT, text_files

# Written so that this file does not find itself.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|Users)/\w|(?<![\w.])/home/(?!app\b|\$)\w")
REGISTRY_HOST = re.compile(
    r"https?://[^\s\"')]*(?:artifactory|/simple/|registry\.npm|files\.pythonhosted)|^--index-url",
    re.MULTILINE,
)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b(?!.*#\d+)")

FILES = list(text_files())


def test_there_is_something_to_read() -> None:
    assert len(FILES) > 60
    assert ROOT / "app.py" in FILES


@pytest.mark.parametrize(
    "pattern", [MACHINE_PATH, REGISTRY_HOST, UNFINISHED], ids=["path", "host", "unfinished"]
)
def test_no_file_tells_of_a_machine_or_of_unfinished_work(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()[:80]}"
        for path in FILES
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)
