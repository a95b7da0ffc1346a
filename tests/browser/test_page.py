"""The page as people use it: each test is declared in a script beside this, and runs in Chromium."""

import json
import re
from pathlib import Path

import pytest

from tests.browser.conftest import Driver

HERE = Path(__file__).parent
OUTPUT = HERE / "output"
DECLARED = re.compile(r'^(?P<kind>test|longTest)\("(?P<name>[^"]+)"', re.MULTILINE)


def declared() -> list[object]:
    """Return every declared test; a long one runs only where it is named."""
    return [
        pytest.param(
            path.name,
            match["name"],
            id=match["name"].replace(" ", "_"),
            marks=[pytest.mark.long] if match["kind"] == "longTest" else [],
        )
        for path in sorted(HERE.glob("*.mjs"))
        for match in DECLARED.finditer(path.read_text())
    ]


@pytest.mark.parametrize(("script", "name"), declared())
def test_the_page_keeps_its_promises(driver: Driver, script: str, name: str) -> None:
    figures = driver.run(script, name)
    if figures:
        OUTPUT.mkdir(exist_ok=True)
        (OUTPUT / f"{name.replace(' ', '_')}.json").write_text(json.dumps(figures, indent=2) + "\n")


def test_there_are_tests_of_every_kind() -> None:
    scripts = {parameters.values[0] for parameters in declared()}
    assert len(declared()) >= 20
    assert {"states.mjs", "keyboard.mjs", "listening.mjs", "steadiness.mjs", "looks.mjs"} <= scripts
