"""The AsyncAPI document: valid, whole, and never less than what was published."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from quart import Quart

from tests.contract.documents import losses, references, resolves
from tests.docs.reading import ROOT

HERE = Path(__file__).parent
COMMITTED = ROOT / "docs/asyncapi.json"
SPECIFICATION = HERE / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"


@pytest.fixture
def needs_node() -> None:
    if not shutil.which("node"):
        pytest.skip("THE ASYNCAPI DOCUMENT IS NOT JUDGED BY OTHERS, because Node.js is not installed.")
    if not SPECIFICATION.is_file():
        pytest.skip("THE ASYNCAPI DOCUMENT IS NOT JUDGED BY OTHERS: run npm ci in tests/contract.")


@pytest.mark.usefixtures("needs_node")
def test_the_document_is_valid(asyncapi) -> None:
    errors = list(Draft7Validator(json.loads(SPECIFICATION.read_text())).iter_errors(asyncapi))
    assert not [f"{error.json_path}: {error.message[:200]}" for error in errors]


@pytest.mark.usefixtures("needs_node")
def test_the_parser_of_asyncapi_has_nothing_to_say(asyncapi) -> None:
    done = subprocess.run(
        ["node", "parse.mjs"],
        cwd=HERE,
        input=json.dumps(asyncapi),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == {"channels": 3, "operations": len(asyncapi["operations"]), "found": []}


def test_every_reference_leads_somewhere(asyncapi) -> None:
    found = set(references(asyncapi))
    assert len(found) > 100
    assert not [each for each in found if not resolves(asyncapi, each)]


def test_every_websocket_is_a_channel(asyncapi, built: Quart) -> None:
    addresses = {channel["address"] for channel in asyncapi["channels"].values()}
    assert addresses == {rule.rule for rule in built.url_map.iter_rules() if rule.websocket}


def test_every_message_and_parameter_has_words_for_people(asyncapi) -> None:
    for name, message in asyncapi["components"]["messages"].items():
        assert message["summary"].endswith("."), name
    for channel in asyncapi["channels"].values():
        for name, shape in channel["bindings"]["ws"]["query"]["properties"].items():
            assert shape["description"].endswith("."), (channel["address"], name)


def test_what_was_published_is_still_there(asyncapi) -> None:
    """Write it again with ``quart asyncapi -o docs/asyncapi.json`` after an addition."""
    assert not list(losses(json.loads(COMMITTED.read_text()), asyncapi))
