"""docs/api.md names every route, who may call it, how often, and every parameter."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from quart import Quart

from app import create_app
from config import load_config
from middleware.rate_limit import LOGIN_PER_MINUTE
from tests.docs.reading import ROOT, code_words, headings, section, table
from utils.accounts import Action

API = (ROOT / "docs/api.md").read_text()
LIVE = (ROOT / "docs/websockets.md").read_text()
# Where what a route takes has to go is told by the first column of its table.
TABLES = {"query_model": "Parameter", "body_model": "Member of the body"}
IMPLIED_METHODS = {"HEAD", "OPTIONS"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Quart:
    """The whole app; it opens nothing until it serves."""
    var_dir: Path = tmp_path_factory.mktemp("var")
    settings = {"ENV": "test", "SECRET_KEY": "x" * 40, "VAR_DIR": str(var_dir)}
    return create_app(load_config(settings, dotenv=None))


def routes(app: Quart) -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield ``GET /health`` and the like, with the view."""
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or {"GET"}) - IMPLIED_METHODS:
            yield f"{method} {rule.rule}", app.view_functions[rule.endpoint]


def rows() -> dict[str, list[str]]:
    """Return the table of routes: each name of a route with its row."""
    found = {}
    for row in table(API, "Routes", "Route"):
        (name,) = code_words(row[0])
        method = name.split()[0]
        for each in (name, *(f"{method} {path}" for path in code_words(row[1]))):
            found[each] = row
    return found


def parameters(heading: str, text: str, first_column: str) -> dict[str, str]:
    """Return the documented defaults by name."""
    found = {}
    for row in table(text, heading, first_column):
        (name,) = code_words(row[0])
        assert row[3], f"{name} of {heading} has no meaning"
        found[name] = row[2]
    return found


def test_the_table_holds_every_route_and_no_other(built: Quart) -> None:
    there = {name for name, _ in routes(built)}
    assert len(there) > 10
    assert rows().keys() == there


def test_the_table_says_who_may_call_and_how_often(built: Quart) -> None:
    for name, view in routes(built):
        row = rows()[name]
        assert (row[2], row[3]) == (view.access, view.limit), name


def test_every_route_has_its_section(built: Quart) -> None:
    titles = {heading.text for heading in headings(API)}
    missing = {code_words(row[0])[0] for row in rows().values()} - titles
    assert not missing, missing


def test_every_parameter_is_there_with_its_default(built: Quart) -> None:
    checked = 0
    for name, view in routes(built):
        (title,) = code_words(rows()[name][0])
        text, heading = (LIVE, "The address") if "/ws/" in name else (API, title)
        for kind, first_column in TABLES.items():
            if (model := getattr(view, kind, None)) is not None:
                check_parameters(model, parameters(heading, text, first_column), name)
                checked += 1
    assert checked > 5


def test_every_route_that_takes_a_key_for_sending_again_says_so_and_no_other_does(built: Quart) -> None:
    for name, view in routes(built):
        (title,) = code_words(rows()[name][0])
        taken = getattr(view, "idempotent", False)
        assert ("`Idempotency-Key`" in section(API, title)) == taken, name


def check_parameters(model: type[BaseModel], documented: dict[str, str], route: str) -> None:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert documented.keys() == fields.keys(), route
    for name, field in fields.items():
        said = documented[name]
        if field.is_required():
            assert said == "required", f"{name} of {route}"
        elif field.default is None:
            assert not said.startswith("`") or said.startswith("`DEFAULT_"), f"{name} of {route}"
        else:
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert code_words(said) == [default], f"{name} of {route}"


def test_everything_that_is_noted_of_people_is_named_and_nothing_else() -> None:
    rows = table(API, "GET /api/v1/admin/audit", "Action")
    assert sorted(name for row in rows for name in code_words(row[0])) == sorted(Action)


def test_the_buckets_hold_what_is_said() -> None:
    shared = section(API, "What all routes share")
    assert f"`login` holds {LOGIN_PER_MINUTE}." in re.sub(r"\s+", " ", shared)
