"""Our documents as pages: every heading to be found, nothing of the text lost, nothing of it run."""

import re
from html.parser import HTMLParser

from blueprints.formats.markdown_page import markdown_page
from tests.docs.reading import ROOT, headings

DOCUMENT = (ROOT / "docs/problems.md").read_text()


class Outline(HTMLParser):
    """Collect what a screen reader goes by, and fail on what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.seen.append(tag)
        self.language = facts.get("lang") or self.language
        if tag != "meta":
            self.open.append(tag)
        if facts.get("id"):
            self.ids.append(str(facts["id"]))
        if tag == "th":
            assert facts.get("scope") == "col"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_heading_of_the_document_can_be_linked_to() -> None:
    outline = Outline()
    outline.feed(markdown_page(DOCUMENT))
    assert outline.open == []
    assert outline.language == "en"
    assert outline.seen.count("main") == outline.seen.count("h1") == outline.seen.count("title") == 1
    assert outline.ids == [heading.anchor for heading in headings(DOCUMENT)]
    assert not {"script", "style", "a", "img"} & set(outline.seen)


def test_no_sentence_is_lost() -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", markdown_page(DOCUMENT)))
    for line in DOCUMENT.splitlines():
        if line and line[0].isalpha():
            plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", line).replace("`", "")
            assert re.sub(r"\s+", " ", plain)[:60] in page.replace("&#x27;", "'").replace("&quot;", '"'), line


def test_what_looks_like_html_is_shown_and_not_run() -> None:
    page = markdown_page(
        "# A <b>\n\nA <script>\n\n```json\n<i>\n```\n\n| `<u>` | b |\n|---|---|\n| <em> | 1 |\n"
    )
    assert not re.search(r"<(b|script|i|u|em)>", page)


def test_a_list_of_types_leads_to_its_heading() -> None:
    assert '<h3 id="unknown_symbol">unknown_symbol</h3>' in markdown_page(DOCUMENT)
