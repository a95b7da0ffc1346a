"""Who reckons with the loss of the database reckons with every way in which asyncpg tells of it.

A server that is killed in the middle of a question makes asyncpg raise its InternalClientError, which belongs
to neither of its other two families: the soak saw a 500 of it, and it would have ended a task for good.
"""

import ast

from tests.policy.source import product_modules

LOSS, UNCOMMON_LOSS = "InterfaceError", "InternalClientError"


def names_of(node: ast.Tuple) -> set[str]:
    return {each.attr for each in node.elts if isinstance(each, ast.Attribute)}


def test_who_catches_the_loss_of_the_database_catches_all_of_it() -> None:
    tuples = [
        (module, node)
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Tuple) and LOSS in names_of(node)
    ]
    assert len(tuples) > 5
    assert not [f"{m.place}:{node.lineno}" for m, node in tuples if UNCOMMON_LOSS not in names_of(node)]
