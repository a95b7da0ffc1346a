"""Documents can be walked by ear: headings in order, tables with headers, links that lead somewhere."""

import itertools
import re
from pathlib import Path

import pytest

from tests.docs.reading import DOCUMENTS, ROOT, blocks, headings, links, prose, tables

LANGUAGES = {"bash", "html", "json", "python", "text", "mermaid"}
OUTSIDE = ("http://", "https://")
# Pictographs and dingbats; the arrows and bars of drawings stand in code blocks only.
PICTURES = re.compile("[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]")
LINE_LENGTH_MAX = 120

each_document = pytest.mark.parametrize(
    "path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)


@each_document
def test_headings_come_in_order(path: Path) -> None:
    levels = [heading.level for heading in headings(path.read_text())]
    assert levels.count(1) == 1
    assert levels[0] == 1
    jumps = [(above, below) for above, below in itertools.pairwise(levels) if below > above + 1]
    assert not jumps, jumps


@each_document
def test_headings_of_one_document_differ(path: Path) -> None:
    if path.name == "CHANGELOG.md" or path.parent.name == "decisions":
        return
    anchors = [heading.anchor for heading in headings(path.read_text())]
    assert len(anchors) == len(set(anchors)), sorted(anchors)


@each_document
def test_every_code_block_names_its_language(path: Path) -> None:
    wrong = [block.text for block in blocks(path.read_text()) if block.language not in LANGUAGES]
    assert not wrong, wrong
    assert "```" not in prose(path.read_text()), "a code block is not closed"


@each_document
def test_every_table_has_a_header_and_even_rows(path: Path) -> None:
    for rows in tables(path.read_text()):
        assert all(rows[0]), f"a column without a name: {rows[0]}"
        uneven = [row for row in rows if len(row) != len(rows[0])]
        assert not uneven, uneven


@each_document
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in links(path.read_text()):
        target, _, anchor = link["target"].partition("#")
        assert link["text"], f"a link without a text: {link['target']}"
        if target.startswith(OUTSIDE):
            continue
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), link["target"]
        assert found.is_relative_to(ROOT), link["target"]
        if anchor:
            anchors = {heading.anchor for heading in headings(found.read_text())}
            assert anchor in anchors, link["target"]


@each_document
def test_nothing_is_said_by_a_picture_alone(path: Path) -> None:
    text = path.read_text()
    assert not PICTURES.findall(prose(text))
    assert all(link["text"] for link in links(text) if link["image"]), "an image without a text"


@each_document
def test_lines_of_prose_are_short(path: Path) -> None:
    lines = prose(path.read_text()).splitlines()
    long = [line for line in lines if len(line) > LINE_LENGTH_MAX and not line.startswith("|")]
    assert not long, long


def test_every_document_can_be_found_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        targets = [link["target"].partition("#")[0] for link in links(path.read_text())]
        waiting += [
            (path.parent / name).resolve() for name in targets if name and not name.startswith(OUTSIDE)
        ]
    assert set(DOCUMENTS) <= reached, sorted(set(DOCUMENTS) - reached)


def test_the_detectors_detect() -> None:
    wrong = "# A\n\n### B\n\n|  |\n|---|\n| x |\n\n```\ncode\n```\n"
    assert [heading.level for heading in headings(wrong)] == [1, 3]
    assert blocks(wrong)[0].language == ""
    assert not all(next(tables(wrong))[0])
    assert PICTURES.search("\u2705")
