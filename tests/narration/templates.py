"""Every template of the product, found where it is marked; what a catalog has to hold."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter

from services.narration.assets import ASSETS
from services.narration.phrases import ASSET, QUOTE
from tests.policy.source import product_modules

MARKS = {"N_": 1, "NN_": 2}


@dataclass(frozen=True, slots=True)
class Template:
    place: str
    texts: tuple[str, ...]

    @property
    def one(self) -> str:
        return self.texts[0]

    @property
    def many(self) -> str:
        return self.texts[-1]

    @property
    def counted(self) -> bool:
        return len(self.texts) == 2


def marked_templates() -> list[Template]:
    """Return the templates of all N_("…") and NN_("…", "…")."""
    found = {}
    for module in product_modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
                texts = tuple(ast.literal_eval(argument) for argument in node.args)
                assert len(texts) == MARKS[node.func.id], f"{module.place}:{node.lineno}"
                found[texts] = Template(f"{module.place}:{node.lineno}", texts)
    return list(found.values())


def named_assets() -> Iterator[tuple[str, str]]:
    """Return the context and the English name of everything that the catalogs name."""
    for asset in ASSETS.values():
        yield ASSET, asset.name
        if asset.quote is not None:
            yield QUOTE, asset.quote


def fields_of(template: str) -> set[str]:
    """Return the names of a template's places."""
    return {field for _, field, _, _ in Formatter().parse(template) if field is not None}
