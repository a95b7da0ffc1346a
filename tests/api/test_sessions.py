"""Signing out, seeing one's sessions, registering, and changing the password, over HTTP."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from quart import Quart
from quart.testing.app import TestApp as ServedApp
from quart.typing import TestClientProtocol as Client

from app import create_app
from config import Config
from services.auth_service import AuthService
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"
NEW_PASSWORD = "another horse, another field"
PUBLIC = "/market/get_exchanges?market=simulated"
TWINS = ["/auth", "/api/v1/auth"]


@pytest.fixture
async def users(accounts: AuthService) -> None:
    await accounts.create_user("ada", PASSWORD, Role.USER)
    await accounts.create_user("bob", PASSWORD, Role.USER)


async def signed_in(
    client: Client, username: str = "ada", **headers: str
) -> tuple[dict[str, str], dict[str, Any]]:
    response = await client.post(
        "/auth/login", json={"username": username, "password": PASSWORD}, headers=headers
    )
    pair: dict[str, Any] = await response.get_json()
    return {"Authorization": f"Bearer {pair['access_token']}"}, pair


async def is_good(client: Client, headers: dict[str, str]) -> bool:
    return (await client.get(PUBLIC, headers=headers)).status_code == 200


@pytest.mark.parametrize("prefix", TWINS)
async def test_logging_out_ends_this_session_and_no_other(client: Client, users: None, prefix: str) -> None:
    (here, pair), (elsewhere, _) = await signed_in(client), await signed_in(client)
    response = await client.post(f"{prefix}/logout", headers=here)

    assert (response.status_code, await response.get_data()) == (204, b"")
    assert response.headers["Cache-Control"] == "no-store"
    assert not await is_good(client, here)
    assert (await client.post("/auth/refresh", json={"token": pair["refresh_token"]})).status_code == 401
    assert await is_good(client, elsewhere)
    assert (await client.post(f"{prefix}/logout", headers=here)).status_code == 401


@pytest.mark.parametrize("prefix", TWINS)
async def test_a_person_recognises_and_ends_one_session(client: Client, users: None, prefix: str) -> None:
    there, _ = await signed_in(client, **{"User-Agent": "a phone\x1b[31m"})
    here, _ = await signed_in(client, **{"User-Agent": "a laptop"})
    response = await client.get(f"{prefix}/sessions", headers=here)
    sessions = (await response.get_json())["sessions"]

    assert response.headers["Cache-Control"] == "no-store"
    assert [session["client"] for session in sessions] == ["a laptop", "a phone?[31m"]
    assert [session["current"] for session in sessions] == [True, False]
    assert {tuple(session) for session in sessions} == {
        ("id", "address", "client", "created_at", "last_used_at", "expires_at", "current")
    }
    ended = await client.delete(f"{prefix}/sessions/{sessions[1]['id']}", headers=here)
    assert ended.status_code == 204
    assert not await is_good(client, there)
    assert await is_good(client, here)


async def test_no_answer_tells_whether_another_users_session_exists(client: Client, users: None) -> None:
    ada, _ = await signed_in(client, "ada")
    bob, _ = await signed_in(client, "bob")
    (bobs,) = (await (await client.get("/auth/sessions", headers=bob)).get_json())["sessions"]
    answers = []
    for session_id in (bobs["id"], str(uuid4())):
        response = await client.delete(f"/auth/sessions/{session_id}", headers=ada)
        problem = await response.get_json()
        del problem["request_id"], problem["instance"]
        answers.append((response.status_code, problem))

    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert await is_good(client, bob)


async def test_all_sessions_end_or_all_but_this_one(client: Client, users: None) -> None:
    (one, _), (two, _) = await signed_in(client), await signed_in(client)
    assert (await client.delete("/auth/sessions?keep_current=true", headers=one)).status_code == 204
    assert [await is_good(client, one), await is_good(client, two)] == [True, False]
    assert (await client.delete("/auth/sessions", headers=one)).status_code == 204
    assert not await is_good(client, one)


@pytest.mark.parametrize("prefix", TWINS)
async def test_a_changed_password_signs_everybody_out(client: Client, users: None, prefix: str) -> None:
    (one, _), (two, _) = await signed_in(client), await signed_in(client)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await client.post(f"{prefix}/password", json=body, headers=one)).status_code == 204
    assert [await is_good(client, one), await is_good(client, two)] == [False, False]
    for password, status in ((PASSWORD, 401), (NEW_PASSWORD, 200)):
        response = await client.post("/auth/login", json={"username": "ada", "password": password})
        assert response.status_code == status


async def test_what_is_wrong_with_a_new_password_is_said(client: Client, users: None) -> None:
    headers, _ = await signed_in(client)
    for new, status, code in (
        ("short", 422, "too_short"),
        ("password1234567", 422, "well_known"),
        (NEW_PASSWORD, 403, "wrong_password"),
    ):
        body = {"current_password": "not the right one", "new_password": new}
        response = await client.post("/auth/password", json=body, headers=headers)
        problem = await response.get_json()
        assert response.status_code == status
        if status == 422:
            assert [(error["field"], error["code"]) for error in problem["errors"]] == [
                ("new_password", code)
            ]
        else:
            assert problem["code"] == code
    assert await is_good(client, headers)


@pytest.fixture
async def open_app(config: Config) -> Quart:
    created = create_app(replace(config, registration="open"))
    async with ServedApp(created):
        yield created


@pytest.mark.parametrize("prefix", TWINS)
async def test_whoever_registers_can_sign_in(open_app: Quart, prefix: str) -> None:
    client = open_app.test_client()
    body = {"username": "ada", "password": PASSWORD}
    response = await client.post(f"{prefix}/register", json=body)
    user = await response.get_json()

    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert (user["username"], user["role"], user["disabled"]) == ("ada", "user", False)
    headers, _ = await signed_in(client)
    assert await is_good(client, headers)
    again = await client.post(f"{prefix}/register", json=body)
    assert (again.status_code, (await again.get_json())["code"]) == (409, "username_taken")


async def test_nobody_registers_as_an_admin_or_with_a_weak_password(open_app: Quart) -> None:
    client = open_app.test_client()
    for body in (
        {"username": "ada", "password": PASSWORD, "role": "admin"},
        {"username": "ada", "password": "ada ada ada ada ada"},
        {"username": "a", "password": PASSWORD},
    ):
        assert (await client.post("/auth/register", json=body)).status_code == 422


async def test_where_registration_is_closed_nobody_registers(client: Client) -> None:
    response = await client.post("/auth/register", json={"username": "ada", "password": PASSWORD})
    assert (response.status_code, (await response.get_json())["code"]) == (403, "registration_closed")


async def test_attempts_are_throttled_with_the_time_to_wait(client: Client, users: None) -> None:
    wrong = {"username": "ada", "password": "not the right one"}
    statuses, last = [], None
    for _ in range(6):
        last = await client.post("/auth/login", json=wrong)
        statuses.append(last.status_code)
    problem = await last.get_json()

    assert statuses == [401] * 4 + [429] * 2
    assert problem["code"] == "too_many_attempts"
    assert int(last.headers["Retry-After"]) >= problem["retry_after"] > 0
