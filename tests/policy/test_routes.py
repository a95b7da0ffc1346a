"""Every route has decided who may call it, how often, and what it reads."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from quart import Quart

from app import create_app
from config import load_config
from middleware.rate_limit import EXTENSION

FACTS = ("access", "limit")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Quart:
    """The whole app; it opens nothing until it serves."""
    var_dir: Path = tmp_path_factory.mktemp("var")
    settings = {"ENV": "test", "SECRET_KEY": "x" * 40, "VAR_DIR": str(var_dir)}
    return create_app(load_config(settings, dotenv=None))


def views(app: Quart) -> Iterator[tuple[str, Callable[..., object]]]:
    for rule in app.url_map.iter_rules():
        yield rule.rule, app.view_functions[rule.endpoint]


def layers(view: Callable[..., object]) -> list[Callable[..., object]]:
    """Return the view and everything it wraps, outermost first."""
    found = [view]
    while (inner := getattr(found[-1], "__wrapped__", None)) is not None:
        found.append(inner)
    return found


def test_the_documented_paths_are_there(built: Quart) -> None:
    paths = {rule.rule for rule in built.url_map.iter_rules()}
    documented = {
        "/", "/health", "/live", "/ready", "/ws/subscribe",
        "/market/get_exchanges", "/market/get_symbols", "/market/fetch_ohlcv",
        "/auth/login", "/auth/refresh",
    }  # fmt: skip
    assert documented <= paths


def test_every_route_says_who_may_call_it(built: Quart) -> None:
    wrong = []
    for path, view in views(built):
        access = getattr(view, "access", None)
        if access not in ("public", "user") and not str(access).startswith("role:"):
            wrong.append((path, access))
    assert not wrong, wrong


def test_every_route_says_how_often(built: Quart) -> None:
    buckets = built.extensions[EXTENSION].per_minute
    wrong = []
    for path, view in views(built):
        limit = getattr(view, "limit", None)
        exempt = limit == "exempt" and len(getattr(view, "limit_exempt", "").split()) >= 4
        if limit not in buckets and not exempt:
            wrong.append((path, limit))
    assert not wrong, wrong


def test_decorators_stand_in_one_order(built: Quart) -> None:
    """Access outside, then the limit, then what is read: nobody is counted or read who may not call."""
    wrong = []
    for path, view in views(built):
        for layer in layers(view):
            facts = set(vars(layer))
            if "access" in facts and "limit" not in facts:
                wrong.append((path, "the limit must stand below the access"))
            read = {"query_model", "body_model"} & set(vars(view))
            if "limit" in facts and not read <= facts:
                wrong.append((path, "query and body must stand below the limit"))
    assert not wrong, wrong


def test_every_public_route_that_writes_is_limited(built: Quart) -> None:
    wrong = []
    for rule in built.url_map.iter_rules():
        writes = {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())
        if writes and getattr(built.view_functions[rule.endpoint], "limit", None) == "exempt":
            wrong.append(rule.rule)
    assert not wrong, wrong


def test_no_view_is_without_a_sentence(built: Quart) -> None:
    wrong = [path for path, view in views(built) if not (view.__doc__ or "").strip()]
    assert not wrong, wrong


def test_every_route_says_what_it_answers(built: Quart) -> None:
    """What is not said is not in the OpenAPI document, and nobody could rely on it."""
    wrong = [
        rule.rule
        for rule in built.url_map.iter_rules()
        if not rule.websocket and not getattr(built.view_functions[rule.endpoint], "answers", ())
    ]
    assert not wrong, wrong
