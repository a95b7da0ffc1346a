"""SQL is written in services/stores and sql/ only, and is never put together from strings."""

import ast
import re

from tests.policy.source import Module, docstrings_of, is_in, product_modules

STATEMENT = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+(AS\s+\w+\s+)?SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s*\(|TRUNCATE\s"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|VIEW|DATABASE|ROLE|FUNCTION|TYPE|EXTENSION)\s)",
    re.IGNORECASE,
)
CONSTANT_NAME = re.compile(r"_?[A-Z][A-Z0-9_]*")


def statements(module: Module) -> list[ast.Constant | ast.JoinedStr]:
    """Return the texts that are statements."""
    joined = [node for node in ast.walk(module.tree) if isinstance(node, ast.JoinedStr)]
    passed_over = docstrings_of(module.tree) | {id(part) for node in joined for part in node.values}
    found: list[ast.Constant | ast.JoinedStr] = []
    for node in ast.walk(module.tree):
        if id(node) in passed_over:
            continue
        first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and STATEMENT.match(first.value):
            found.append(node)
    return found


def holds_variables(node: ast.AST) -> bool:
    """Tell whether a statement is put together from more than constants of its module."""
    return isinstance(node, ast.JoinedStr) and any(
        not (isinstance(part.value, ast.Name) and CONSTANT_NAME.fullmatch(part.value.id))
        for part in node.values
        if isinstance(part, ast.FormattedValue)
    )


def test_sql_is_written_in_the_stores() -> None:
    stores = [module for module in product_modules() if is_in(module.name, "services.stores")]
    wrong = [
        f"{module.place}:{node.lineno}"
        for module in product_modules()
        if module not in stores and module.name != "app_extensions.migrations"
        for node in statements(module)
    ]
    assert any(statements(module) for module in stores)
    assert not wrong, wrong


def test_sql_is_never_put_together_from_strings() -> None:
    wrong = [
        f"{module.place}:{node.lineno}"
        for module in product_modules()
        for node in statements(module)
        if holds_variables(node)
    ]
    assert not wrong, wrong


def test_the_detector_of_variables_detects() -> None:
    constant = ast.parse('f"SELECT {_COLUMNS} FROM bar"').body[0].value
    variable = ast.parse('f"SELECT a FROM {table}"').body[0].value
    assert not holds_variables(constant)
    assert holds_variables(variable)


def test_stores_are_functions() -> None:
    stores = [module for module in product_modules() if is_in(module.name, "services.stores")]
    wrong = []
    for module in stores:
        for node in module.tree.body:
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                first = node.args.args[0].arg if node.args.args else ""
                if first not in ("connection", "pool"):
                    wrong.append(f"{module.place}:{node.lineno} {node.name}({first})")
    assert stores
    assert not wrong, wrong
