"""What admins see, and that nobody else does."""

import re
from typing import Any

import asyncpg
import pytest
from quart.typing import TestClientProtocol as Client

from services.auth_service import AuthService
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"
USERS = "/api/v1/admin/users"


@pytest.fixture
async def users(accounts: AuthService) -> None:
    await accounts.create_user("root", PASSWORD, Role.ADMIN)
    for name in ("Ada", "bob", "cleo", "dora"):
        await accounts.create_user(name, PASSWORD, Role.USER)


async def headers_of(client: Client, username: str) -> dict[str, str]:
    response = await client.post("/auth/login", json={"username": username, "password": PASSWORD})
    return {"Authorization": f"Bearer {(await response.get_json())['access_token']}"}


async def get_users(client: Client, headers: dict[str, str], query: str = "") -> dict[str, Any]:
    response = await client.get(USERS + query, headers=headers)
    assert response.status_code == 200
    page: dict[str, Any] = await response.get_json()
    return page


async def test_an_admin_sees_every_user_and_no_hash(client: Client, users: None, pool: asyncpg.Pool) -> None:
    await pool.execute("UPDATE app_user SET disabled_at = now() WHERE username = 'bob'")
    response = await client.get(USERS, headers=await headers_of(client, "root"))
    page = await response.get_json()

    assert response.headers["Cache-Control"] == "no-store"
    assert page.keys() == {"users", "next"}
    assert page["next"] is None
    assert [user["username"] for user in page["users"]] == ["root", "Ada", "bob", "cleo", "dora"]
    assert [user["role"] for user in page["users"]] == ["admin"] + ["user"] * 4
    assert [user["disabled"] for user in page["users"]] == [False, False, True, False, False]
    assert {tuple(user) for user in page["users"]} == {("id", "username", "role", "disabled", "created_at")}
    for user in page["users"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", user["created_at"])


async def test_pages_follow_each_other_and_end(client: Client, users: None) -> None:
    headers = await headers_of(client, "root")
    seen, query = [], "?limit=2"
    for _ in range(3):
        page = await get_users(client, headers, query)
        seen.append([user["username"] for user in page["users"]])
        query = f"?limit=2&cursor={page['next']}"

    assert seen == [["root", "Ada"], ["bob", "cleo"], ["dora"]]
    assert page["next"] is None


async def test_a_page_that_is_just_full_is_the_last(client: Client, users: None) -> None:
    page = await get_users(client, await headers_of(client, "root"), "?limit=5")

    assert (len(page["users"]), page["next"]) == (5, None)


async def test_what_does_not_fit_is_refused(client: Client, users: None) -> None:
    headers = await headers_of(client, "root")
    for query in (
        "limit=0",
        "limit=201",
        "limit=many",
        "limit=-1",
        "cursor=-1",
        "cursor=x",
        f"cursor={2**63}",
        "limit=1&limit=2",
        "page=2",
    ):
        response = await client.get(f"{USERS}?{query}", headers=headers)

        assert response.status_code == 422, query
    assert (await get_users(client, headers, f"?limit=200&cursor={2**63 - 1}"))["users"] == []


async def test_without_a_token_the_answer_is_401_with_the_way_in(client: Client) -> None:
    response = await client.get(USERS)
    problem = await response.get_json()

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.content_type == "application/problem+json"
    assert problem["code"] == "unauthorized"
    assert "/auth/login" in problem["detail"]


async def test_with_a_users_token_the_answer_is_403_whatever_is_asked(client: Client, users: None) -> None:
    headers = await headers_of(client, "Ada")
    for query in ("", "?limit=0", "?page=2"):
        response = await client.get(USERS + query, headers=headers)
        problem = await response.get_json()

        assert (response.status_code, problem["code"]) == (403, "forbidden")
        assert "admin" in problem["detail"]


async def test_a_role_taken_away_or_given_counts_at_the_next_request(
    client: Client, users: None, pool: asyncpg.Pool
) -> None:
    root, ada = await headers_of(client, "root"), await headers_of(client, "Ada")
    await pool.execute("UPDATE app_user SET role = 'user' WHERE username = 'root'")
    await pool.execute("UPDATE app_user SET role = 'admin' WHERE username = 'Ada'")

    assert (await client.get(USERS, headers=root)).status_code == 403
    assert (await client.get(USERS, headers=ada)).status_code == 200


async def test_a_disabled_admin_is_refused_at_the_next_request(
    client: Client, users: None, pool: asyncpg.Pool
) -> None:
    root = await headers_of(client, "root")
    assert (await client.get(USERS, headers=root)).status_code == 200

    await pool.execute("UPDATE app_user SET disabled_at = now() WHERE username = 'root'")

    assert (await client.get(USERS, headers=root)).status_code == 401


async def test_a_revoked_session_is_refused_at_the_next_request(
    client: Client, users: None, pool: asyncpg.Pool
) -> None:
    ended, other = await headers_of(client, "root"), await headers_of(client, "root")
    await pool.execute(
        "UPDATE session SET revoked_at = now(), revoked_reason = 'test' "
        "WHERE session_id = (SELECT session_id FROM session ORDER BY created_at LIMIT 1)"
    )

    assert (await client.get(USERS, headers=ended)).status_code == 401
    assert (await client.get(USERS, headers=other)).status_code == 200


async def test_the_list_has_one_address_and_one_method(client: Client, users: None) -> None:
    headers = await headers_of(client, "root")

    assert (await client.get("/admin/users", headers=headers)).status_code == 404
    assert (await client.post(USERS, headers=headers)).status_code == 405
