"""JSON that the documents show without a request by curl: it is sent, or it is what is answered."""

import itertools
import json
import re
from dataclasses import dataclass

import pytest
from quart.testing import QuartClient

from tests.docs.examples import ADDRESS, differences, examples
from tests.docs.reading import ROOT, Block, blocks
from tests.docs.shell import SHELLS
from tests.docs.test_examples import README

API = (ROOT / "docs/api.md").read_text()
# What has to be sent where the document shows only what comes back.
BODIES = {"POST /api/v1/admin/jobs/run": {"job": "tidy"}}


@dataclass(frozen=True)
class Shown:
    """A route as the document shows it: what is sent, where it is shown, and what is answered."""

    route: str
    sent: object
    answer: object


def shown_without_curl(text: str) -> list[Shown]:
    """Return each route whose JSON follows no request: one block is an answer, two are body and answer."""
    loose: dict[str, list[object]] = {}
    for above, block in itertools.pairwise([Block("", "", ""), *blocks(text)]):
        if block.language == "json" and above.language not in SHELLS:
            loose.setdefault(block.heading, []).append(json.loads(block.text))
    return [
        Shown(route, found[0] if len(found) > 1 else BODIES.get(route), found[-1])
        for route, found in loose.items()
    ]


SHOWN = shown_without_curl(API)


@pytest.mark.parametrize("shown", SHOWN, ids=[shown.route for shown in SHOWN])
async def test_what_is_shown_without_curl_is_answered(
    client: QuartClient, admin_token: str, shown: Shown
) -> None:
    method, path = shown.route.split()
    headers = {"Authorization": f"Bearer {admin_token}"}
    answer = await client.open(path, method=method, headers=headers, json=shown.sent)
    assert 200 <= answer.status_code < 300, await answer.get_data(as_text=True)
    assert differences(shown.answer, await answer.get_json()) == []


async def test_an_order_of_coins_is_answered_as_shown(client: QuartClient, admin_token: str) -> None:
    page = (ROOT / "docs/cryptocurrencies.md").read_text()
    (shown,) = [
        block for block in blocks(page) if block.heading == "Listing coins" and block.language == "json"
    ]
    promised = json.loads(shown.text)
    headers = {"Authorization": f"Bearer {admin_token}"}
    answer = await client.post("/api/v1/cryptocurrencies/sync", headers=headers)
    given = await answer.get_json()
    assert answer.status_code == 202
    # Its number and its moment are those of an example.
    changing = {name: given[name] for name in ("run_id", "queued_ms")}
    assert all(isinstance(promised[name], int) and isinstance(value, int) for name, value in changing.items())
    assert differences(promised | changing, given) == []


async def test_the_entity_tag_that_is_shown_is_the_one_that_is_sent(client: QuartClient) -> None:
    (shown,) = [block.text for block in blocks(API) if "ETag: " in block.text]
    whole, again = shown.split("\n\n")
    path = whole.splitlines()[0].removeprefix("GET ")
    (tag,) = re.findall(r"^If-None-Match: (.+)$", again, re.MULTILINE)
    for text, sent in ((whole, {}), (again, {"If-None-Match": tag})):
        answer = await client.get(path, headers=sent)
        status, *headers = re.search(r"^\d{3}$(?s:.*)", text, re.MULTILINE)[0].splitlines()
        assert answer.status_code == int(status)
        assert {line: answer.headers[line.partition(": ")[0]] for line in headers} == {
            line: line.partition(": ")[2] for line in headers
        }


def test_the_problem_that_is_shown_is_one_that_is_sent() -> None:
    page = (ROOT / "docs/problems.md").read_text()
    (shown,) = [json.loads(block.text) for block in blocks(page) if block.language == "json"]
    # The page of the first steps shows the same one, and there it is asked for.
    answers = [example.answer for example in examples(README)]
    assert shown | {"request_id": "…"} in answers


async def test_the_address_given_to_the_charting_library_is_one_of_ours(client: QuartClient) -> None:
    page = (ROOT / "docs/datafeed.md").read_text()
    (shown,) = [block.text for block in blocks(page) if block.language == "html"]
    (address,) = re.findall(r'UDFCompatibleDatafeed\("([^"]+)"\)', shown)
    (symbol,) = re.findall(r'symbol: "([^"]+)"', shown)
    (interval,) = re.findall(r'interval: "([^"]+)"', shown)
    base = address.replace("localhost", "127.0.0.1").removeprefix(ADDRESS)
    answer = await client.get(f"{base}/config")
    assert interval in (await answer.get_json())["supported_resolutions"]
    answer = await client.get(f"{base}/symbols?symbol={symbol}")
    assert (await answer.get_json())["ticker"] == symbol
