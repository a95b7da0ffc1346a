"""The documents and their pages: served, kept by browsers, and reaching nobody but this service."""

import re
from itertools import pairwise

import pytest
from quart.typing import TestClientProtocol as Client

PAGES = ("/docs", "/docs/websockets", "/docs/versioning")
DOCUMENTS = ("/openapi.json", "/asyncapi.json")
HEADING = re.compile(r"<h([1-6])[ >]")


@pytest.mark.parametrize("path", [*PAGES, *DOCUMENTS])
async def test_a_browser_that_has_it_is_not_sent_it_again(client: Client, path: str) -> None:
    first = await client.get(path)
    assert first.status_code == 200
    again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert await again.get_data() == b""
    other = await client.get(path, headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_reaches_nobody_but_this_service(client: Client, path: str) -> None:
    response = await client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    sources = re.findall(r'(?:src|spec-url)="([^"]+)"', await response.get_data(as_text=True))
    assert all(source.startswith("/") for source in sources)
    for source in sources:
        assert (await client.get(source)).status_code == 200, source


@pytest.mark.parametrize("path", ["/docs/websockets", "/docs/versioning"])
async def test_headings_go_down_one_step_at_a_time(client: Client, path: str) -> None:
    page = await (await client.get(path)).get_data(as_text=True)
    assert '<html lang="en">' in page
    levels = [int(level) for level in HEADING.findall(page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


async def test_the_page_of_websockets_names_every_message(client: Client) -> None:
    document = await (await client.get("/asyncapi.json")).get_json()
    page = await (await client.get("/docs/websockets")).get_data(as_text=True)
    messages = document["components"]["messages"].values()
    assert len(messages) > 30
    for message in messages:
        assert f"<code>{message['name']}</code></h4>" in page
