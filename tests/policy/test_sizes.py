"""A file fits in a head and a function on a screen."""

import ast
from collections.abc import Iterator

from tests.policy.source import Module, modules_of_tests, product_modules

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
EVERYTHING = (*product_modules(), *modules_of_tests())


def long_functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{module.place}:{node.lineno} {node.name} has {lines} lines"


def test_files_are_short() -> None:
    sizes = {module.place: len(module.path.read_text().splitlines()) for module in EVERYTHING}
    assert not {place: lines for place, lines in sizes.items() if lines > FILE_LINES_MAX}


def test_functions_are_short() -> None:
    assert not [long for module in EVERYTHING for long in long_functions(module)]
