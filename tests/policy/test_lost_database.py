"""Who reckons with the loss of the database reckons with every way in which asyncpg tells of it.

A server that is killed in the middle of a question makes asyncpg raise its InternalClientError, which belongs
to neither of its other two families: the soak saw a 500 of it, and it would have ended a task for good.
"""

import ast

from tests.policy.source import product_modules

LOSS, UNCOMMON_LOSS = "InterfaceError", "InternalClientError"
NAMES = {"DATABASE_AWAY", "DATABASE_FAULTS"}


def names_of(node: ast.Tuple) -> set[str]:
    return {each.attr for each in node.elts if isinstance(each, ast.Attribute)}


def names_in(node: ast.expr) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]


def test_who_catches_the_loss_of_the_database_catches_all_of_it() -> None:
    tuples = [
        (module, node)
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Tuple) and LOSS in names_of(node)
    ]
    catchers = [
        node
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is not None and NAMES & set(names_in(node.type))
    ]
    assert len(catchers) > 5
    # The list itself, and that of middleware, which knows refusals that are the caller's own.
    assert {module.name for module, _ in tuples} == {"services.stores.losses", "middleware.failures"}
    assert not [f"{m.place}:{node.lineno}" for m, node in tuples if UNCOMMON_LOSS not in names_of(node)]
