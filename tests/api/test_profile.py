"""What users see and set of their own, and the page that problems lead to."""

import re

import pytest
from quart.typing import TestClientProtocol as Client

from services.auth_service import AuthService
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"
PROFILE = "/api/v1/users/profile"


@pytest.fixture
async def ada(client: Client, accounts: AuthService) -> dict[str, str]:
    await accounts.create_user("ada", PASSWORD, Role.USER)
    response = await client.post("/auth/login", json={"username": "ada", "password": PASSWORD})
    return {"Authorization": f"Bearer {(await response.get_json())['access_token']}"}


async def test_a_profile_begins_with_what_holds_for_everybody(client: Client, ada: dict[str, str]) -> None:
    response = await client.get(PROFILE, headers=ada)
    profile = await response.get_json()
    assert response.headers["Cache-Control"] == "no-store"
    assert tuple(profile) == ("id", "username", "role", "created_at", "locale", "time_zone", "announcements")
    assert (profile["username"], profile["locale"], profile["time_zone"]) == ("ada", None, None)
    assert profile["announcements"] == {
        "mode": "important",
        "verbosity": "normal",
        "min_gap_s": 10.0,
        "move": {"percent": 0.5},
        "words_per_minute": 175,
    }


async def test_what_is_changed_stays_changed_and_the_rest_as_it_was(
    client: Client, ada: dict[str, str]
) -> None:
    body = {
        "locale": "de",
        "time_zone": "Europe/Berlin",
        "announcements": {"mode": "all", "move": {"ticks": 5}},
    }
    changed = await (await client.patch(PROFILE, json=body, headers=ada)).get_json()
    assert (changed["locale"], changed["time_zone"]) == ("de", "Europe/Berlin")
    await client.patch(PROFILE, json={"announcements": {"min_gap_s": 30}}, headers=ada)
    kept = await (await client.get(PROFILE, headers=ada)).get_json()
    assert kept["locale"] == "de"
    assert kept["announcements"] == changed["announcements"] | {"min_gap_s": 30.0}


@pytest.mark.parametrize(
    "body",
    [
        {"role": "admin"}, {"id": 7}, {"username": "root"}, {"announcements": {"mode": "loud"}},
        {"announcements": {"volume": 1}}, {"announcements": {"min_gap_s": 0}}, {"announcements": []},
        {"locale": "xx-nonsense"}, {"time_zone": "Mars/Olympus"}, {"locale": 5},
    ],
)  # fmt: skip
async def test_what_does_not_fit_changes_nothing(
    client: Client, ada: dict[str, str], body: dict[str, object]
) -> None:
    before = await (await client.get(PROFILE, headers=ada)).get_json()
    assert (await client.patch(PROFILE, json=body, headers=ada)).status_code == 422
    assert await (await client.get(PROFILE, headers=ada)).get_json() == before


async def test_the_type_of_a_problem_leads_to_its_explanation(client: Client) -> None:
    problem = await (await client.get("/market/get_exchanges?market=nowhere")).get_json()
    path, _, anchor = problem["type"].partition("#")
    page = await client.get(path)
    assert page.content_type == "text/html; charset=utf-8"
    assert re.search(rf'<h3 id="{anchor}">', await page.get_data(as_text=True))
