"""Markdown as these documents use it: headings, code blocks, tables and links. Not a general parser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)

FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(?P<marks>#+) (?P<text>.+)$", re.MULTILINE)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Heading:
    level: int
    text: str

    @property
    def anchor(self) -> str:
        """Return the name by which a link finds the heading, as GitHub makes it."""
        kept = re.sub(r"[^\w\- ]", "", self.text.lower())
        return kept.replace(" ", "-")


@dataclass(frozen=True)
class Block:
    """One block of code: its language, its text and the heading it stands below."""

    language: str
    text: str
    heading: str


def prose(text: str) -> str:
    """Return the text with its code blocks emptied."""
    return FENCE.sub("", text)


def headings(text: str) -> list[Heading]:
    return [Heading(len(match["marks"]), match["text"]) for match in HEADING.finditer(prose(text))]


def blocks(text: str) -> list[Block]:
    """Return the code blocks in order."""
    found = []
    for match in FENCE.finditer(text):
        above = headings(text[: match.start()])
        found.append(Block(match["language"], match["text"], above[-1].text if above else ""))
    return found


def links(text: str) -> list[re.Match[str]]:
    return list(LINK.finditer(prose(text)))


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of any level."""
    matches = list(HEADING.finditer(text))
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        if match["text"] == heading:
            return text[match.end() : following.start() if following else len(text)]
    raise AssertionError(f"there is no heading {heading}")


def tables(text: str) -> Iterator[list[list[str]]]:
    """Yield each table as rows of cells, its header first and without the line of hyphens."""
    rows: list[list[str]] = []
    for line in [*prose(text).splitlines(), ""]:
        if line.startswith("|"):
            # A bar inside a cell is written with a backslash.
            cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            rows.append([cell.strip().replace("\\|", "|") for cell in cells])
        elif rows:
            assert len(rows) > 2, f"a table without rows: {rows[0]}"
            assert all(re.fullmatch(r":?-+:?", cell) for cell in rows[1]), (
                f"a table without a header: {rows[0]}"
            )
            yield [rows[0], *rows[2:]]
            rows = []


def table(text: str, heading: str, first_column: str) -> list[list[str]]:
    """Return the rows, without the header, of the table with this first column below a heading."""
    for rows in tables(section(text, heading)):
        if rows[0][0] == first_column:
            return rows[1:]
    raise AssertionError(f"{heading} has no table of {first_column}")


def code_words(cell: str) -> list[str]:
    """Return what a cell holds between backticks."""
    return re.findall(r"`([^`]+)`", cell)
