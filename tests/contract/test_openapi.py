"""The OpenAPI document: valid, whole, with examples that are true, and never less than what was published."""

import json
from typing import Any

import pytest
from openapi_spec_validator import validate
from quart import Quart

from tests.contract.documents import faults, losses, references, resolves
from tests.docs.problem_codes import statuses_of_codes
from tests.docs.reading import ROOT

COMMITTED = ROOT / "docs/openapi.json"


def operations(document: dict[str, Any]):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_valid(openapi) -> None:
    validate(openapi)
    assert openapi["openapi"] == "3.1.0"


def test_every_reference_leads_somewhere(openapi) -> None:
    found = set(references(openapi))
    assert len(found) > 30
    assert not [each for each in found if not resolves(openapi, each)]


def test_every_route_is_in_it_with_its_methods(openapi, built: Quart) -> None:
    there = {name for name, _ in operations(openapi)}
    routes = {
        f"{method} {rule.rule}".replace("<", "{").replace(">", "}")
        for rule in built.url_map.iter_rules()
        if not rule.websocket
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    for converter in ("path:", "int:", "uuid:", "coin:"):
        routes = {route.replace(converter, "") for route in routes}
    assert len(routes) > 40
    assert there == routes


def test_operations_have_names_of_their_own(openapi) -> None:
    names = [operation["operationId"] for _, operation in operations(openapi)]
    assert len(set(names)) == len(names)


def test_every_operation_has_words_for_people(openapi) -> None:
    tags = {tag["name"] for tag in openapi["tags"]}
    for name, operation in operations(openapi):
        assert operation["summary"].endswith("."), name
        assert set(operation["tags"]) <= tags, name
        for parameter in operation.get("parameters", ()):
            assert parameter["description"].endswith("."), (name, parameter["name"])


def test_every_failure_is_a_problem_document(openapi) -> None:
    # How things are is the answer, also when they are bad.
    health = {f"GET {prefix}/{name} 503" for prefix in ("", "/api/v1") for name in ("health", "ready")}
    health.add("GET /api/v1/datafeed/health 503")
    for name, operation in operations(openapi):
        for status, response in operation["responses"].items():
            if int(status) >= 400 and f"{name} {status}" not in health:
                # TradingView's UDF has a form of its own.
                udf = name.startswith("GET /udf/")
                content = response["content"]["application/json" if udf else "application/problem+json"]
                model = "UdfError" if udf else "ProblemDocument"
                assert content["schema"] == {"$ref": f"#/components/schemas/{model}"}, name


def test_the_codes_of_problems_exist_and_have_these_statuses(openapi) -> None:
    known = statuses_of_codes()
    for name, operation in operations(openapi):
        for status, response in operation["responses"].items():
            for code in response.get("x-codes", ()):
                assert int(status) in known.get(code, ()), (name, status, code)


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("GET /market/fetch_ohlcv", {"market", "exchange", "symbol", "timeframe"}),
        ("GET /market/get_exchanges", {"market"}),
        ("GET /api/v1/alerts", set()),
    ],
)
def test_required_parameters_are_said_to_be(openapi, name, required) -> None:
    operation = dict(operations(openapi))[name]
    assert {each["name"] for each in operation.get("parameters", ()) if each.get("required")} == required


def test_what_has_to_be_signed_in_is_said_to_be(openapi, built: Quart) -> None:
    found = dict(operations(openapi))
    assert found["GET /auth/sessions"]["security"] == [{"bearer": []}]
    assert found["GET /market/get_exchanges"]["security"] == [{}, {"bearer": []}]
    assert found["POST /auth/login"]["security"] == []
    assert openapi["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_examples_are_what_their_schemas_say(openapi) -> None:
    checked = 0
    for name, operation in operations(openapi):
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                for each in content.get("examples", {}).values():
                    assert not faults(openapi, content["schema"], each["value"]), name
                    checked += 1
    assert checked > 20


def test_every_answer_in_json_has_an_example(openapi) -> None:
    without = {
        name
        for name, operation in operations(openapi)
        for response in operation["responses"].values()
        if "application/json" in response.get("content", {})
        and "examples" not in response["content"]["application/json"]
    }
    assert without <= {"GET /openapi.json", "GET /asyncapi.json"}


def test_what_was_published_is_still_there(openapi) -> None:
    """Write it again with ``quart schema -o docs/openapi.json`` after an addition."""
    assert not list(losses(json.loads(COMMITTED.read_text()), openapi))


def test_the_published_document_names_every_route(openapi) -> None:
    """An addition is published together with its code."""
    assert json.loads(COMMITTED.read_text())["paths"].keys() == openapi["paths"].keys()


def _without(document: dict[str, Any], *steps: str) -> dict[str, Any]:
    changed = json.loads(json.dumps(document))
    place = changed
    for step in steps[:-1]:
        place = place[step]
    del place[steps[-1]]
    return changed


def test_taking_away_is_noticed(openapi) -> None:
    route = "/market/get_symbols"
    parameters = ("paths", route, "get", "parameters")
    assert list(losses(openapi, _without(openapi, "paths", route)))
    assert list(losses(openapi, _without(openapi, *parameters)))
    assert list(losses(openapi, _without(openapi, "paths", route, "get", "responses", "404")))
    assert list(losses(openapi, _without(openapi, "components", "schemas", "Candle", "properties", "close")))
    assert not list(losses(openapi, openapi))


def test_asking_for_more_is_noticed(openapi) -> None:
    more = json.loads(json.dumps(openapi))
    more["paths"]["/market/get_exchanges"]["get"]["parameters"].append(
        {"name": "exchange", "in": "query", "required": True, "schema": {"type": "string"}}
    )
    assert list(losses(openapi, more))
    more["paths"]["/market/get_exchanges"]["get"]["parameters"][-1]["required"] = False
    assert not list(losses(openapi, more))
