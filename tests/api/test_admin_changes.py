"""What admins change, that it counts at once, that it is noted, and that no answer is for anybody else."""

from typing import Any

import asyncpg
import pytest
from quart.typing import TestClientProtocol as Client

from services.auth_service import AuthService
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"
ADMIN = "/api/v1/admin"


@pytest.fixture
async def ids(accounts: AuthService) -> dict[str, int]:
    made = {"root": Role.ADMIN, "ada": Role.USER, "bob": Role.USER}
    return {name: (await accounts.create_user(name, PASSWORD, role)).user_id for name, role in made.items()}


async def headers_of(client: Client, username: str) -> dict[str, str]:
    response = await client.post("/auth/login", json={"username": username, "password": PASSWORD})
    assert response.status_code == 200
    return {"Authorization": f"Bearer {(await response.get_json())['access_token']}"}


@pytest.fixture
async def root(client: Client, ids: dict[str, int]) -> dict[str, str]:
    return await headers_of(client, "root")


async def get(client: Client, path: str, headers: dict[str, str]) -> dict[str, Any]:
    response = await client.get(ADMIN + path, headers=headers)
    assert response.status_code == 200, await response.get_data()
    assert response.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = await response.get_json()
    return body


async def test_a_role_counts_at_the_next_request(
    client: Client, ids: dict[str, int], root: dict[str, str]
) -> None:
    ada = await headers_of(client, "ada")
    assert (await client.get(f"{ADMIN}/users", headers=ada)).status_code == 403
    path = f"{ADMIN}/users/{ids['ada']}/role"
    response = await client.put(path, json={"role": "admin"}, headers=root)
    assert (response.status_code, (await response.get_json())["role"]) == (200, "admin")
    assert (await client.get(f"{ADMIN}/users", headers=ada)).status_code == 200
    assert (await client.put(path, json={"role": "user"}, headers=root)).status_code == 200
    assert (await client.get(f"{ADMIN}/users", headers=ada)).status_code == 403


async def test_a_disabled_user_is_out_at_once_and_stays_out_until_enabled(
    client: Client, ids: dict[str, int], root: dict[str, str]
) -> None:
    ada = await headers_of(client, "ada")
    user = f"{ADMIN}/users/{ids['ada']}"
    response = await client.post(f"{user}/disable", headers=root)
    assert (response.status_code, (await response.get_json())["disabled"]) == (200, True)
    assert (await client.get("/auth/sessions", headers=ada)).status_code == 401
    credentials = {"username": "ada", "password": PASSWORD}
    assert (await client.post("/auth/login", json=credentials)).status_code == 401
    assert (await client.post(f"{user}/enable", headers=root)).status_code == 200
    # What was ended stays ended.
    assert (await client.get("/auth/sessions", headers=ada)).status_code == 401
    assert (await client.post("/auth/login", json=credentials)).status_code == 200


async def test_somebody_is_always_left_to_administer(
    client: Client, ids: dict[str, int], root: dict[str, str]
) -> None:
    user = f"{ADMIN}/users/{ids['root']}"
    for response in (
        await client.put(f"{user}/role", json={"role": "user"}, headers=root),
        await client.post(f"{user}/disable", headers=root),
    ):
        assert (response.status_code, (await response.get_json())["code"]) == (409, "last_admin")
    await client.put(f"{ADMIN}/users/{ids['ada']}/role", json={"role": "admin"}, headers=root)
    assert (await client.post(f"{user}/disable", headers=root)).status_code == 200


async def test_what_is_not_there_is_404(client: Client, ids: dict[str, int], root: dict[str, str]) -> None:
    gone = "00000000-0000-4000-8000-000000000000"
    for response in (
        await client.put(f"{ADMIN}/users/999/role", json={"role": "user"}, headers=root),
        await client.post(f"{ADMIN}/users/999/disable", headers=root),
        await client.post(f"{ADMIN}/users/{2**63}/disable", headers=root),
        await client.delete(f"{ADMIN}/sessions/{gone}", headers=root),
        await client.delete(f"{ADMIN}/sessions/nonsense", headers=root),
    ):
        assert response.status_code == 404
        assert response.content_type == "application/problem+json"


async def test_an_admin_sees_and_ends_anybodys_session(
    client: Client, ids: dict[str, int], root: dict[str, str]
) -> None:
    ada = await headers_of(client, "ada")
    await headers_of(client, "bob")
    everybody = (await get(client, "/sessions", root))["sessions"]
    assert [session["user_id"] for session in everybody] == [ids["bob"], ids["ada"], ids["root"]]
    (adas,) = (await get(client, f"/sessions?user_id={ids['ada']}", root))["sessions"]
    ended = await client.delete(f"{ADMIN}/sessions/{adas['id']}", headers=root)
    assert ended.status_code == 204
    assert (await client.get("/auth/sessions", headers=ada)).status_code == 401
    assert len((await get(client, "/sessions", root))["sessions"]) == 2


async def test_pages_of_sessions_follow_each_other(
    client: Client, ids: dict[str, int], root: dict[str, str]
) -> None:
    for _ in range(4):
        await headers_of(client, "ada")
    whole = (await get(client, "/sessions?limit=200", root))["sessions"]
    seen, query = [], "?limit=2"
    while True:
        page = await get(client, f"/sessions{query}", root)
        seen += page["sessions"]
        if page["next"] is None:
            break
        query = f"?limit=2&cursor={page['next']}"
    assert [each["id"] for each in seen] == [each["id"] for each in whole]
    assert len(whole) == 5
    for cursor in ("x", "1.x", "-1.00000000-0000-4000-8000-000000000000", "9" * 16 + "." + "0" * 32):
        response = await client.get(f"{ADMIN}/sessions?cursor={cursor}", headers=root)
        assert response.status_code == 422, cursor


async def test_every_change_says_who_what_when_and_from_where(
    client: Client, ids: dict[str, int], root: dict[str, str]
) -> None:
    noted = root | {"X-Request-ID": "a-request-of-root"}
    await client.put(f"{ADMIN}/users/{ids['ada']}/role", json={"role": "admin"}, headers=noted)
    await client.post(f"{ADMIN}/users/{ids['bob']}/disable", headers=noted)
    await client.post(f"{ADMIN}/users/{ids['bob']}/enable", headers=noted)
    page = await get(client, "/audit?limit=3", root)
    assert [(event["action"], event["user_id"], event["detail"]) for event in page["events"]] == [
        ("user_enabled", ids["bob"], ""),
        ("user_disabled", ids["bob"], ""),
        ("role_changed", ids["ada"], "role admin"),
    ]
    for event in page["events"]:
        assert (event["actor_id"], event["request_id"]) == (ids["root"], "a-request-of-root")
        assert event["address"]
        assert event["occurred_at"].endswith("Z")
    rest = await get(client, f"/audit?cursor={page['next']}", root)
    assert [event["action"] for event in rest["events"]] == ["user_created"] * 3
    assert rest["next"] is None


async def test_a_refused_change_is_not_noted(
    client: Client, ids: dict[str, int], root: dict[str, str], pool: asyncpg.Pool
) -> None:
    before = await pool.fetchval("SELECT count(*) FROM audit_event")
    await client.post(f"{ADMIN}/users/{ids['root']}/disable", headers=root)
    await client.post(f"{ADMIN}/users/999/disable", headers=root)
    assert await pool.fetchval("SELECT count(*) FROM audit_event") == before


async def test_exchanges_and_feeds_are_shown(client: Client, root: dict[str, str]) -> None:
    assert (await client.get("/market/get_symbols?market=simulated&exchange=simex")).status_code == 200
    exchanges = (await get(client, "/exchanges", root))["exchanges"]
    assert {
        "market": "simulated",
        "exchange": "simex",
        "state": "answering",
        "wait_s": 0.0,
        "silent_on": [],
        "requests_per_s": None,
        "budget_left": None,
    } in exchanges
    path = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
    async with client.websocket(path) as connection:
        while '"snapshot"' not in await connection.receive():
            pass
        feeds = await get(client, "/feeds", root)
    assert feeds["connections"] == 1
    assert [feed["topic"] for feed in feeds["feeds"]] == ["bars:simulated:simex:BTC/USD:1s"]


async def test_an_idempotency_key_does_a_thing_once(
    client: Client, ids: dict[str, int], root: dict[str, str], pool: asyncpg.Pool
) -> None:
    headers = root | {"Idempotency-Key": "a-key-of-roots"}
    path = f"{ADMIN}/users/{ids['bob']}/disable"
    first, again = [await client.post(path, headers=headers) for _ in range(2)]
    assert await first.get_data() == await again.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await pool.fetchval("SELECT count(*) FROM audit_event WHERE action = 'user_disabled'") == 1
    # The same key at another address, or of another person, is another request.
    assert (await client.post(f"{ADMIN}/users/{ids['bob']}/enable", headers=headers)).status_code == 200
