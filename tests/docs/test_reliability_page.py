"""docs/reliability.md names tests and commands, and all of them are there."""

import ast
import re

from tests.docs.reading import ROOT, code_words, section, table
from tests.reliability.soak_report import BEGINS, ENDS

PAGE = (ROOT / "docs/reliability.md").read_text()
BARS = [f"R{n}" for n in (1, 2, 3, 4, 7, 8, 9, 10, 12, 13, 14, 15, 18, 19, 20, 21, 23, 25)]
TESTS = table(PAGE, "Tests of them", "Bar")
LONG_COMMAND = re.compile(r"\./test\.sh --long (tests/\S+\.py)")
LONG_MARK = "long"


def functions_of(path: str) -> dict[str, ast.AST]:
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def has_a_long_form(path: str) -> bool:
    tree = ast.parse((ROOT / path).read_text())
    return any(
        isinstance(node, ast.Attribute) and node.attr == LONG_MARK and ast.unparse(node) == "pytest.mark.long"
        for node in ast.walk(tree)
    )


def test_every_bar_has_a_promise_and_a_test() -> None:
    assert [row[0] for row in table(PAGE, "Promises", "Bar")] == BARS
    tested = [bar for row in TESTS for bar in row[0].split(", ")]
    assert sorted(set(tested)) == sorted(BARS)
    seen = [bar for row in table(PAGE, "What was seen", "Bar") for bar in row[0].split(", ")]
    assert sorted(set(seen)) == sorted(BARS)


def test_every_test_that_the_page_names_is_there() -> None:
    named = [word for row in TESTS for word in code_words(row[1])]
    assert len(named) > 10
    missing = [word for word in named if word.partition("::")[2] not in functions_of(word.partition("::")[0])]
    assert not missing


def test_every_long_command_that_the_page_names_has_something_to_run() -> None:
    named = [match[1] for match in LONG_COMMAND.finditer(PAGE)]
    assert len(named) > 5
    assert not [path for path in named if not has_a_long_form(path)]
    assert "= --long ]" in (ROOT / "test.sh").read_text()


def test_the_soak_stands_between_its_marks() -> None:
    soak = section(PAGE, "The run of two hours")
    assert soak.index(BEGINS) < soak.index(ENDS)
