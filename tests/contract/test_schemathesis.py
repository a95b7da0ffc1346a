"""schemathesis asks everything that the OpenAPI document promises, as anybody, as a user and as an admin."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.service import Served, desk
from tests.docs.reading import ROOT
from utils.accounts import Role

PROGRAM = Path(sys.executable).with_name("schemathesis")
TIMEOUT_S, TIMEOUT_LONG_S = 900, 7_200
# Every rule of the document at its edges, each path by who may do least of those who may do all of it; the
# long form has everybody ask everything, at random too, and the twins under /api/v1.
BRIEFLY = ("--phases", "examples,coverage", "--exclude-operation-id-regex", "_v1$")
EXAMPLES = 100
# Whoever asks, and of how many operations at least briefly.
OPERATIONS = {"anybody": 45, "user": 12, "admin": 10}
PEOPLE = tuple(OPERATIONS)


@pytest.fixture(scope="module")
def people(served: Served) -> Served:
    served.make_user("user", Role.USER)
    served.make_user("admin", Role.ADMIN)
    # One who stays, whatever happens to the first.
    served.make_user("other-admin", Role.ADMIN)
    return served


@dataclass(frozen=True)
class Exchange:
    """One request and what came back."""

    path: str
    method: str
    status: int
    code: str | None


def ask(served: Served, who: str, report: Path, *more: str, briefly: bool = False) -> list[Exchange]:
    """Let schemathesis ask with every check it has, and return all that it heard."""
    with desk(served) as address:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(report.parent),
            "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
            "CONTRACT_WHO": who,
            "CONTRACT_DESK": address,
        }
        if briefly:
            environment["CONTRACT_BRIEFLY"] = "yes"
        done = subprocess.run(
            [
                *(PROGRAM, "run", f"{served.url}/openapi.json", "--checks", "all"),
                *("--no-color", "--no-shrink", "--warnings", "off", "--seed", "7"),
                *("--report", "ndjson", "--report-ndjson-path", report, *more),
            ],
            cwd=report.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S if briefly else TIMEOUT_LONG_S,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    return [exchange for line in report.read_text().splitlines() for exchange in exchanges(json.loads(line))]


def exchanges(event: dict[str, Any]) -> Iterator[Exchange]:
    recorder = event.get("ScenarioFinished", {}).get("recorder", {})
    for name, interaction in recorder.get("interactions", {}).items():
        case, response = recorder["cases"][name]["value"], interaction["response"]
        if response is not None:
            code = None
            if response["headers"].get("content-type") == ["application/problem+json"]:
                code = json.loads(base64.b64decode(response["content"]["$base64"]))["code"]
            yield Exchange(case["path"], case["method"].lower(), response["status_code"], code)


def undocumented(document: dict[str, Any], found: list[Exchange]) -> set[Exchange]:
    """Return the exchanges whose problem has a code that the document does not name there."""
    return {
        each
        for each in found
        if each.code is not None
        and each.method in document["paths"].get(each.path, {})
        and each.code
        not in document["paths"][each.path][each.method]["responses"]
        .get(str(each.status), {})
        .get("x-codes", ())
    }


@pytest.mark.parametrize("who", PEOPLE)
def test_every_answer_is_a_documented_one(people: Served, openapi, tmp_path: Path, who: str) -> None:
    found = ask(people, who, tmp_path / "report.ndjson", *BRIEFLY, briefly=True)
    assert len({(each.method, each.path) for each in found}) >= OPERATIONS[who]
    assert not undocumented(openapi, found)


@pytest.mark.long
@pytest.mark.parametrize("who", PEOPLE)
def test_every_answer_is_a_documented_one_a_hundred_times(
    people: Served, openapi, tmp_path: Path, who: str
) -> None:
    found = ask(people, who, tmp_path / "report.ndjson", "-n", str(EXAMPLES))
    assert len({(each.method, each.path) for each in found}) > 60
    assert not undocumented(openapi, found)


def test_a_code_that_is_not_in_the_document_is_found(openapi) -> None:
    documented = Exchange("/market/get_exchanges", "get", 404, "unknown_market")
    assert not undocumented(openapi, [documented])
    for odd in (replace(documented, code="unknown_moon"), replace(documented, status=418)):
        assert undocumented(openapi, [documented, odd]) == {odd}
