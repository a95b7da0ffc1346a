"""Every problem code that the program can answer with, and its statuses, read off the code."""

import ast
import inspect

from middleware import failures
from tests.policy.source import product_modules
from utils import errors
from utils.errors import AppError
from utils.problems import Problem

CLASSES = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, AppError) and found is not AppError
}
# Calls that give an error of ours another code: what a class of errors has, or the status said here.
STATUS_OF_HELPERS = {"unknown": 404}


def statuses_of_codes() -> dict[str, set[int]]:
    """Return ``{"unknown_symbol": {404}, …}``."""
    found: dict[str, set[int]] = {}

    def add(code: str, status: int | None) -> None:
        found.setdefault(code, set()).update(() if status is None else {status})

    for error in CLASSES.values():
        add(error.code, error.status)
    for status, (code, _, _) in failures.REFUSALS.items():
        add(code, status)
    for problem in vars(failures).values():
        if isinstance(problem, Problem):
            add(problem.code, problem.status)
    for module in product_modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                _add_codes_of_call(node, add)
    return found


def _add_codes_of_call(call: ast.Call, add: object) -> None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    status = CLASSES[name].status if name in CLASSES else None
    if name == "unknown" and call.args and isinstance(call.args[0], ast.Constant):
        add(f"unknown_{call.args[0].value}", STATUS_OF_HELPERS[name])
    if name == "Problem":
        return
    for keyword in call.keywords:
        if (
            keyword.arg == "code"
            and isinstance(keyword.value, ast.Constant)
            and isinstance(keyword.value.value, str)
        ):
            add(keyword.value.value, status)
