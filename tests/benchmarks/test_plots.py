"""Plots are made from the tables beside them alone, and everything in them can be read as text."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plots import DOCS, FOLDER, PLOTS, Plot, bars_of, between, described, drawn, redraw, rows_of
from tests.docs.reading import links

TABLE = (
    "| kind | a second (range) |\n| --- | --- |\n| `a` & b | 10 (8 to 12) |\n| c | 1,000.5 |\n| d | never |\n"
)
PLOT = Plot("p", "page.md", "s", "kind", "a second (range)", "What is done", "better")
SVG = "{http://www.w3.org/2000/svg}"


def page_with(tmp_path: Path, name: str, section: str) -> Path:
    page = tmp_path / name
    page.write_text(
        f"<!-- begin {section} -->\n\n{TABLE}\n<!-- end {section} -->\n"
        "<!-- begin plot p -->\nold\n<!-- end plot p -->\nrest\n"
    )
    return page


def drawn_again(plot: Plot) -> str | None:
    bars = bars_of(plot, (DOCS / plot.page).read_text())
    return drawn(plot, bars) if bars else None


@pytest.mark.parametrize("plot", PLOTS, ids=[plot.name for plot in PLOTS])
def test_a_plot_is_what_its_table_gives(plot: Plot) -> None:
    again = drawn_again(plot)
    file = DOCS / FOLDER / f"{plot.name}.svg"
    if again is None:
        # Not measured yet: the page says so instead.
        assert not file.exists()
        return
    assert file.read_text() == again, "run python benchmarks/plots.py"
    document = (DOCS / plot.page).read_text()
    shown = between(document, f"plot {plot.name}")
    (image,) = [link for link in links(shown) if link["image"]]
    said = " ".join(image["text"].split())
    assert said == described(plot, bars_of(plot, document)), "run python benchmarks/plots.py"


def test_no_plot_is_left_of_a_table_that_is_gone() -> None:
    assert {path.stem for path in (DOCS / FOLDER).iterdir()} <= {plot.name for plot in PLOTS}


def test_bars_are_read_with_their_ranges_and_words_are_left_out() -> None:
    first, second = bars_of(PLOT, f"<!-- begin s -->{TABLE}<!-- end s -->")
    assert (first.name, first.value, first.low, first.high, first.text) == ("a & b", 10, 8, 12, "10")
    assert (second.name, second.value, second.low, second.high) == ("c", 1000.5, 1000.5, 1000.5)
    assert rows_of(TABLE, "another") == ([], [])
    assert bars_of(PLOT, "nothing") == []


@pytest.mark.parametrize("logarithmic", [False, True])
def test_everything_in_a_plot_can_be_read_and_lies_within_it(*, logarithmic: bool) -> None:
    plot = Plot(
        "p", "page.md", "s", "kind", "a second (range)", "What is done", "better", logarithmic=logarithmic
    )
    bars = bars_of(plot, f"<!-- begin s -->{TABLE}<!-- end s -->")
    root = ET.fromstring(drawn(plot, bars))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "What is done"
    assert "Most: c, 1,000.5. Least: a & b, 10." in root.findtext(f"{SVG}desc", "")
    written = [text.text for text in root.iter(f"{SVG}text")]
    assert {"a & b", "10", "c", "1,000.5"} <= set(written)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for bar in root.iter(f"{SVG}rect"):
        assert float(bar.get("x", 0)) + float(bar.get("width", 0)) <= width
        assert float(bar.get("y", 0)) + float(bar.get("height", 0)) <= height


def test_redrawing_puts_the_image_between_its_markers_and_changes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_with(tmp_path, "page.md", "s")
    monkeypatch.setattr("benchmarks.plots.PLOTS", (PLOT,))
    assert redraw(page) == ["p"]
    once = page.read_text()
    assert "old" not in once
    assert once.count("](plots/p.svg)") == 1
    assert once.endswith("<!-- end plot p -->\nrest\n")
    assert (tmp_path / FOLDER / "p.svg").is_file()
    redraw(page)
    assert page.read_text() == once
