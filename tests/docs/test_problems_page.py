"""docs/problems.md has a heading for every code, with the status that comes with it."""

import ast
import re

import pytest

from tests.docs.problem_codes import statuses_of_codes
from tests.docs.reading import ROOT, code_words, headings, section, table
from tests.policy.source import product_modules

PAGE = (ROOT / "docs/problems.md").read_text()
CODE_LEVEL = 3
# Taken from the exception that carries it, which differs between HTTP and WebSocket.
STATUS_FROM_ELSEWHERE = {"websocket_mismatch": {400}}
PATTERN = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")

STATUSES = statuses_of_codes()
DOCUMENTED = [heading.text for heading in headings(PAGE) if heading.level == CODE_LEVEL]


def test_every_code_has_a_heading_and_no_other_has() -> None:
    assert len(STATUSES) > 30
    assert set(DOCUMENTED) == set(STATUSES)


@pytest.mark.parametrize("code", DOCUMENTED)
def test_a_code_stands_with_its_status_and_a_sentence(code: str) -> None:
    text = section(PAGE, code).strip()
    statuses = STATUSES[code] | STATUS_FROM_ELSEWHERE.get(code, set())
    assert [int(number) for number in re.findall(r"^Status (\d+)\. ", text)] == sorted(statuses)
    assert len(text.split()) > 8
    assert text.endswith((".", ")"))


def test_every_code_of_a_field_that_is_ours_is_named() -> None:
    named = {word for row in table(PAGE, "Codes of single fields", "Code") for word in code_words(row[0])}
    ours = {
        node.args[1].value
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "FieldError"
        and isinstance(node.args[1], ast.Constant)
    }
    assert len(ours) > 5
    assert ours <= named, ours - named


def test_the_other_pages_name_only_codes_that_exist() -> None:
    for name in ("api.md", "websockets.md"):
        text = (ROOT / "docs" / name).read_text()
        named = {
            word
            for line in text.splitlines()
            if re.search(r"\b[45]\d\d\b", line)
            for word in PATTERN.findall(line)
        }
        strange = {word for word in named if word.startswith(("unknown_", "exchange_", "invalid_"))} - set(
            STATUSES
        )
        assert not strange, (name, strange)
