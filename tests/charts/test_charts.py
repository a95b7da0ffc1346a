"""The pages of docs/charts.md draw what the service gave; the tests in Chromium are declared in pages.mjs."""

import re
from pathlib import Path

import pytest

from tests.browser.conftest import Driver
from tests.charts.conftest import LIBRARIES, SERVICE_ADDRESS, pages
from tests.docs.reading import ROOT

SCRIPT = Path(__file__).with_name("pages.mjs")
DECLARED = re.findall(r'^(test|longTest)\("([^"]+)"', SCRIPT.read_text(), re.MULTILINE)
# The least that each test compares; a test that compares nothing says nothing.
BARS_MIN = 400


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=name.replace(" ", "_"), marks=[pytest.mark.long] if kind == "longTest" else [])
        for kind, name in DECLARED
    ],
)
def test_a_page_draws_what_the_service_gave(driver: Driver, name: str) -> None:
    figures = driver.run("../charts/pages.mjs", name)
    assert figures["compared"] >= BARS_MIN


def test_every_page_is_whole_and_tested() -> None:
    found = pages()
    assert set(found) == {"highcharts-data.html", "highcharts.html", "lightweight.html", "udf.html"}
    for name, text in found.items():
        assert text.startswith('<!doctype html>\n<html lang="en">'), name
        assert text.endswith("</html>\n"), name
        assert text.count(SERVICE_ADDRESS) == 1, name
        assert f'"{name}' in SCRIPT.read_text(), name


def test_no_chart_library_is_part_of_the_product() -> None:
    product = [path for path in (ROOT / "web").rglob("*") if path.is_file()]
    assert product
    for library in LIBRARIES:
        assert library not in (ROOT / "requirements.txt").read_text()
        for path in product:
            assert f"node_modules/{library}" not in path.read_text(errors="replace"), path
