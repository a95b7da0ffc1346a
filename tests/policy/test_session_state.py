"""Nothing stays behind on a connection that is given back to a pool: nobody resets it there.

What a statement sets for its session, rather than for its transaction, is for connections of one's own.
"""

import ast
import re

from tests.policy.source import Module, docstrings_of, product_modules

# Each leaves something on its connection when its transaction is over.
LEAVES_SOMETHING = re.compile(
    r"pg_(try_)?advisory_lock(_shared)?\b"
    r"|set_config\s*\([^)]*,\s*(?i:false)\s*\)"
    r"|^\s*(SET\s+(?!LOCAL\b)[\w.]+\s*(=|TO\s)|LISTEN\s|PREPARE\s|DECLARE\s.*\sWITH\s+HOLD\s)"
)
CALLS = {"add_listener", "add_log_listener", "set_type_codec", "set_builtin_type_codec"}
# It migrates over a connection of its own, and closes it.
OF_THEIR_OWN = {"app_extensions.migrations"}


def lasting(module: Module) -> list[int]:
    """Return the lines on which something is left behind."""
    passed_over = docstrings_of(module.tree)
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            found += [node.lineno] if LEAVES_SOMETHING.search(node.value) else []
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            found.append(node.lineno)
    return found


def test_nothing_is_left_on_the_connections_of_a_pool() -> None:
    left = {module.name: lasting(module) for module in product_modules()}
    assert all(left[name] for name in OF_THEIR_OWN)
    wrong = {name: lines for name, lines in left.items() if lines and name not in OF_THEIR_OWN}
    assert not wrong, wrong


def test_the_detector_detects() -> None:
    for statement in (
        "SELECT pg_advisory_lock($1)",
        "SELECT pg_try_advisory_lock($1)",
        "SELECT set_config('lock_timeout', $1, FALSE)",
        "SET statement_timeout = 0",
        "LISTEN news",
        "SET timezone TO 'UTC'",
    ):
        assert LEAVES_SOMETHING.search(statement), statement
    for statement in (
        "SELECT pg_advisory_xact_lock($1)",
        "SELECT set_config('lock_timeout', $1, TRUE)",
        "SET LOCAL statement_timeout = 0",
        "UPDATE bar\nSET close = $1",
    ):
        assert not LEAVES_SOMETHING.search(statement), statement
