"""Every test can fail, and says in its name what it is about."""

import ast

from tests.policy.source import Module, modules_of_tests

ASSERTING_CALLS = {"raises", "fail", "run_state_machine_as_test"}
WORDS_MIN = 3

MODULES = [module for module in modules_of_tests() if module.path.name.startswith("test_")]


def cases_of(module: Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def helpers_that_assert() -> set[str]:
    """Return the names of helpers that fail a test, by themselves or by another helper."""
    helpers = [
        node
        for module in modules_of_tests()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("test_")
    ]
    found = {helper.name for helper in helpers if any(fails_a_test(node) for node in ast.walk(helper))}
    while more := {helper.name for helper in helpers if asserts(helper, found)} - found:
        found |= more
    return found


def fails_a_test(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert | ast.Raise) or is_deadline(node)


def is_deadline(node: ast.AST) -> bool:
    # Waiting for something with a deadline fails when it does not come.
    return name_of(node) in ("timeout", "wait_for")


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def asserts(case: ast.AST, helpers: set[str]) -> bool:
    for node in ast.walk(case):
        if isinstance(node, ast.Assert) or is_deadline(node):
            return True
        if isinstance(node, ast.Call) and name_of(node.func) in helpers:
            return True
    return False


def test_every_test_asserts_something() -> None:
    assert len(MODULES) > 20
    helpers = ASSERTING_CALLS | helpers_that_assert()
    idle = [
        f"{module.place}:{case.lineno} {case.name}"
        for module in MODULES
        for case in cases_of(module)
        if not asserts(case, helpers)
    ]
    assert not idle, "\n".join(idle)


def test_names_of_tests_are_sentences() -> None:
    short = [
        f"{module.place}:{case.lineno} {case.name}"
        for module in MODULES
        for case in cases_of(module)
        if len(case.name.split("_")) <= WORDS_MIN
    ]
    assert not short, "\n".join(short)


def test_the_detector_of_idle_tests_detects() -> None:
    idle = ast.parse("def test_x():\n    print(1)").body[0]
    busy = ast.parse("def test_x():\n    with pytest.raises(ValueError):\n        int('x')").body[0]
    assert not asserts(idle, ASSERTING_CALLS)
    assert asserts(busy, ASSERTING_CALLS)
