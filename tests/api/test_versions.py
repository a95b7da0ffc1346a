"""What programs ask before they talk: versions, a ping, and what this is."""

import pytest
from quart.typing import TestClientProtocol as Client

from utils.version import API_VERSION, VERSION

ROUTES = ("version", "versions", "ping", "info", "health", "live", "ready")


async def test_versions_are_named_with_their_days(client: Client) -> None:
    assert await (await client.get("/version")).get_json() == {"version": VERSION, "api_version": API_VERSION}
    versions = await (await client.get("/versions")).get_json()
    assert versions["current"] == API_VERSION
    (only,) = versions["versions"]
    assert only["path"] == "/api/v1"
    assert (only["state"], only["deprecated_on"], only["sunset_on"]) == ("stable", None, None)


async def test_a_ping_is_answered_with_the_clock_and_kept_by_nobody(client: Client) -> None:
    first, second = [await client.get("/ping") for _ in range(2)]
    assert first.headers["Cache-Control"] == "no-store"
    times = [(await response.get_json())["server_time_ms"] for response in (first, second)]
    assert times == sorted(times)


async def test_the_root_of_the_version_says_what_this_is_and_leads_on(client: Client) -> None:
    info = await (await client.get("/api/v1/")).get_json()
    assert info == await (await client.get("/info")).get_json()
    assert info["markets"] == ["crypto", "simulated"]
    for document in info["documents"]:
        assert (await client.get(document["href"])).status_code == 200, document


@pytest.mark.parametrize("name", ROUTES)
async def test_each_has_its_versioned_twin(client: Client, name: str) -> None:
    plain, twin = [await client.get(f"{prefix}/{name}") for prefix in ("", "/api/v1")]
    assert plain.status_code == twin.status_code == 200
    assert (await plain.get_json()).keys() == (await twin.get_json()).keys()
