"""Decision notes are short, whole, numbered, and true of the libraries that are locked."""

import re
import tomllib

import pytest

from tests.docs.reading import ROOT, code_words, headings, links, section, table

FOLDER = ROOT / "docs/decisions"
NOTES = sorted(FOLDER.glob("*.md"))
LINES_MAX = 45
LIBRARIES = table((FOLDER / "0002-libraries.md").read_text(), "Choice", "Library")


@pytest.mark.parametrize("path", NOTES, ids=[path.stem for path in NOTES])
def test_a_note_has_context_choice_and_price(path) -> None:
    text = path.read_text()
    below = [(heading.level, heading.text) for heading in headings(text)][1:]
    assert below == [(2, "Context"), (2, "Choice"), (2, "Price")]
    assert all(section(text, name).strip() for name in ("Context", "Choice", "Price"))
    # A table grows with what it lists; what is to be read stays short.
    assert len([line for line in text.splitlines() if not line.startswith("|")]) <= LINES_MAX


def test_the_numbers_have_no_hole_and_stand_in_the_titles() -> None:
    for number, path in enumerate(NOTES, start=1):
        assert path.name.startswith(f"{number:04d}-")
        assert headings(path.read_text())[0].text.startswith(f"{number}. ")


def test_the_architecture_lists_every_note() -> None:
    text = section((ROOT / "docs/architecture.md").read_text(), "Decisions")
    assert [link["target"] for link in links(text)] == [f"decisions/{path.name}" for path in NOTES]


def test_every_dependency_has_its_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=;]", line)[0].strip() for line in project["dependencies"]}
    assert len(names) > 10
    assert {code_words(row[0])[0] for row in LIBRARIES} == names


def test_the_versions_are_those_of_the_lock() -> None:
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9-]+)(?:\[[a-z]+\])?==([^ ]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    ):
        locked.setdefault(name, []).append(version)
    for row in LIBRARIES:
        (name,) = code_words(row[0])
        said = re.findall(r"(?<![\w.])\d+\.\d+\.\d+[\w.]*", row[1])
        assert said == locked[name], name
        assert len(re.findall(r"\d{4}-\d\d-\d\d", row[3])) == len(said), name
