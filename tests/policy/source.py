"""The product's own Python files, parsed once, for the tests that hold the house to its rules."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("app_extensions", "blueprints", "middleware", "plugins", "services", "utils")
SINGLE_FILES = ("app.py", "config.py")
TEXT_SUFFIXES = {
    ".css", ".example", ".html", ".js", ".json", ".md", ".mjs", ".po", ".py", ".sh", ".sql", ".toml", ".txt",
    ".yml",
}  # fmt: skip
NOT_OURS = {"__pycache__", "node_modules", "var", "vendor"}


@dataclass(frozen=True)
class Module:
    """One file: ``name`` is dotted, and that of a package is its folder's."""

    path: Path
    name: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def place(self) -> str:
        return str(self.path.relative_to(ROOT))


@dataclass(frozen=True)
class Import:
    """One imported name: ``services.stores.bars`` by ``services.market_service`` in line 7."""

    importer: Module
    imported: str
    line: int
    inside_function: bool

    def __str__(self) -> str:
        return f"{self.importer.place}:{self.line} imports {self.imported}"


def is_in(name: str, room: str) -> bool:
    """Tell whether a dotted name is a room or lies in it."""
    return name == room or name.startswith(f"{room}.")


@functools.cache
def product_modules() -> tuple[Module, ...]:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return tuple(_parse(path) for path in [*(ROOT / name for name in SINGLE_FILES), *paths])


@functools.cache
def modules_of_tests() -> tuple[Module, ...]:
    return tuple(_parse(path) for path in sorted((ROOT / "tests").rglob("*.py")))


def text_files() -> Iterator[Path]:
    """Yield every file of the project that a person wrote or reads."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in (".ci", ".env.example") for part in parts)
        if path.is_file() and path.suffix in TEXT_SUFFIXES and not hidden and not NOT_OURS & set(parts):
            yield path


@functools.cache
def product_imports() -> tuple[Import, ...]:
    return tuple(found for module in product_modules() for found in imports_of(module))


def imports_of(module: Module) -> Iterator[Import]:
    for node, inside in _walk(module.tree, inside_function=False):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, inside)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.place}:{node.lineno} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                # A name in a module belongs to the module; a module in a package is named whole.
                is_module = _exists(full)
                yield Import(module, full if is_module else str(node.module), node.lineno, inside)


def docstrings_of(tree: ast.Module) -> set[int]:
    """Return the ids of the string nodes that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr):
            found.add(id(node.body[0].value))
    return found


def _exists(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _walk(node: ast.AST, *, inside_function: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, inside_function
        deeper = inside_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _walk(child, inside_function=deeper)


def _parse(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(path, name, ast.parse(path.read_text(), filename=str(path)))
