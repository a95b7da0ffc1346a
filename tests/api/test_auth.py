"""Signing in and refreshing over HTTP."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest
from quart import Quart
from quart.testing.connections import WebsocketResponseError
from quart.typing import TestClientProtocol as Client
from redis.asyncio import Redis
from werkzeug.datastructures import Headers

from middleware.context import EXTENSION
from services.auth_service import AuthService
from services.sign_in_throttle import ADDRESS
from utils.accounts import Role
from utils.clock import Clock

PASSWORD = "a horse in a field of corn"
PUBLIC = "/market/get_exchanges?market=simulated"


@pytest.fixture
async def ada(accounts: AuthService) -> dict[str, str]:
    await accounts.create_user("ada", PASSWORD, Role.USER)
    return {"username": "ada", "password": PASSWORD}


async def sign_in(client: Client, credentials: dict[str, str]) -> dict[str, Any]:
    response = await client.post("/auth/login", json=credentials)
    assert response.status_code == 200
    pair: dict[str, Any] = await response.get_json()
    return pair


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_signing_in_answers_a_pair_that_nobody_keeps(client: Client, ada: dict[str, str]) -> None:
    for path in ("/auth/login", "/api/v1/auth/login"):
        response = await client.post(path, json=ada)
        pair = await response.get_json()

        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert pair.keys() == {"access_token", "token", "refresh_token", "token_type", "expires_in"}
        assert pair["token"] == pair["access_token"]
        assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 900)


async def test_a_refused_sign_in_never_tells_why(
    client: Client, ada: dict[str, str], accounts: AuthService, pool: asyncpg.Pool
) -> None:
    await accounts.create_user("disabled", PASSWORD, Role.USER)
    await pool.execute("UPDATE app_user SET disabled_at = now() WHERE username = 'disabled'")
    answers = []
    for credentials in (
        {"username": "ada", "password": "not the right password"},
        {"username": "nobody", "password": PASSWORD},
        {"username": "disabled", "password": PASSWORD},
    ):
        response = await client.post("/auth/login", json=credentials)
        problem = await response.get_json()
        del problem["request_id"]
        answers.append((response.status_code, response.headers["WWW-Authenticate"], problem))

    assert answers[0] == answers[1] == answers[2]
    status, challenge, problem = answers[0]
    assert (status, challenge, problem["code"]) == (401, "Bearer", "invalid_credentials")
    assert problem["detail"] == "The username or the password is not right. Check both and try again."


async def test_behind_an_address_with_too_many_attempts_only_the_owner_is_told_apart(
    app: Quart, client: Client, ada: dict[str, str], pool: asyncpg.Pool, redis: Redis
) -> None:
    auth: AuthService = app.extensions[EXTENSION].auth
    auth._clock = Clock(now_ms=lambda: 1_795_000_000_000)
    await sign_in(client, ada)
    place = await pool.fetchval("SELECT place FROM known_place")
    for number in range(ADDRESS.free + 1):
        await auth._throttle.take(f"stranger{number}", place, 1_795_000_000_000)
    answers = []
    for username in ("ada", "nobody"):
        # The calls of the minute are counted whoever is asked for.
        await redis.flushall()
        response = await client.post("/auth/login", json={"username": username, "password": "wrong"})
        problem = await response.get_json()
        del problem["request_id"], response.headers["X-Request-ID"]
        answers.append((response.status_code, dict(response.headers), problem))

    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][2]["code"]) == (429, "too_many_attempts")
    assert int(answers[0][1]["retry-after"]) >= 1
    assert await sign_in(client, ada)


MISFITS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["password", "username"]),
    ({"username": "ada"}, ["password"]),
    ({"username": "ada", "password": 15}, ["password"]),
    ({"username": None, "password": PASSWORD}, ["username"]),
    ({"username": "ada", "password": PASSWORD, "role": "admin"}, ["role"]),
    ({"username": "a" * 257, "password": "b" * 1025}, ["password", "username"]),
    ({"username": "ada", "password": "a NUL\0 inside it"}, ["password"]),
]


async def test_every_field_that_does_not_fit_is_named(client: Client) -> None:
    for body, fields in MISFITS:
        response = await client.post("/auth/login", json=body)
        problem = await response.get_json()

        assert response.status_code == 422
        assert sorted(error["field"] for error in problem["errors"]) == fields
        assert PASSWORD not in str(problem)


async def test_a_long_password_in_the_longest_form_of_unicode_signs_in(
    client: Client, accounts: AuthService
) -> None:
    # 128 characters, each spelt by the client as three, in an order that nobody guesses.
    order = random.Random(7).choices("eo", k=128)
    composed = "".join({"e": "\u1ec7", "o": "\u1ed9"}[letter] for letter in order)
    await accounts.create_user("nguyen", composed, Role.USER)

    spelt = "".join(f"{letter}\u0323\u0302" for letter in order)
    response = await client.post("/auth/login", json={"username": "nguyen", "password": spelt})

    assert response.status_code == 200


async def test_a_field_named_twice_is_refused(client: Client) -> None:
    body = '{"username": "ada", "password": "first password", "password": "second password"}'
    response = await client.post("/auth/login", data=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 400


async def test_refreshing_takes_both_names_of_the_token(client: Client, ada: dict[str, str]) -> None:
    pair = await sign_in(client, ada)
    for path in ("/auth/refresh", "/api/v1/auth/refresh"):
        for field in ("token", "refresh_token"):
            response = await client.post(path, json={field: pair["refresh_token"]})
            refreshed = await response.get_json()

            assert response.status_code == 200
            assert response.headers["Cache-Control"] == "no-store"
            assert refreshed.keys() == pair.keys()
            assert refreshed["refresh_token"] != pair["refresh_token"]
            assert (await client.get(PUBLIC, headers=bearer(refreshed["token"]))).status_code == 200
            pair = refreshed


async def test_a_refresh_names_its_token_once(client: Client, ada: dict[str, str]) -> None:
    pair = await sign_in(client, ada)
    both = {"token": pair["refresh_token"], "refresh_token": pair["refresh_token"]}

    assert (await client.post("/auth/refresh", json=both)).status_code == 422
    assert (await client.post("/auth/refresh", json={})).status_code == 422
    # The refusals have spent nothing.
    assert (await client.post("/auth/refresh", json={"token": pair["refresh_token"]})).status_code == 200


async def test_a_replayed_refresh_token_ends_the_session_for_thief_and_owner(
    client: Client, ada: dict[str, str]
) -> None:
    stolen = await sign_in(client, ada)
    child = await (await client.post("/auth/refresh", json={"token": stolen["refresh_token"]})).get_json()
    newest = await (await client.post("/auth/refresh", json={"token": child["refresh_token"]})).get_json()

    replay = await client.post("/auth/refresh", json={"token": stolen["refresh_token"]})

    assert replay.status_code == 401
    assert (await replay.get_json())["code"] == "invalid_refresh_token"
    for pair in (stolen, child, newest):
        refresh = await client.post("/auth/refresh", json={"token": pair["refresh_token"]})
        assert refresh.status_code == 401
        assert (await client.get(PUBLIC, headers=bearer(pair["token"]))).status_code == 401


async def test_twenty_refreshes_at_once_share_one_new_token(client: Client, ada: dict[str, str]) -> None:
    pair = await sign_in(client, ada)

    responses = await asyncio.gather(
        *(client.post("/auth/refresh", json={"token": pair["refresh_token"]}) for _ in range(20))
    )

    assert {response.status_code for response in responses} == {200}
    assert len({(await response.get_json())["refresh_token"] for response in responses}) == 1


async def test_an_old_access_token_does_not_stand_in_the_way_of_a_new_one(
    client: Client, ada: dict[str, str]
) -> None:
    old = bearer("an.old.token")
    response = await client.post("/auth/login", json=ada, headers=old)
    pair = await response.get_json()
    assert response.status_code == 200

    response = await client.post("/auth/refresh", json={"token": pair["refresh_token"]}, headers=old)
    assert response.status_code == 200


async def test_what_is_open_to_everybody_takes_no_token_or_a_good_one(
    client: Client, ada: dict[str, str]
) -> None:
    pair = await sign_in(client, ada)

    assert (await client.get(PUBLIC)).status_code == 200
    assert (await client.get(PUBLIC, headers=bearer(pair["token"]))).status_code == 200
    assert (
        await client.get(PUBLIC, headers={"Authorization": f"bearer  {pair['token']}"})
    ).status_code == 200


async def test_a_bad_token_is_never_passed_over(client: Client, ada: dict[str, str]) -> None:
    pair = await sign_in(client, ada)
    for header in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer x.y.z",
        f"Bearer {pair['refresh_token']}",
        f"Bearer {pair['token']}x",
        f"Bearer {pair['token']}, Bearer {pair['token']}",
        f"Basic {pair['token']}",
        pair["token"],
    ):
        response = await client.get(PUBLIC, headers={"Authorization": header})
        problem = await response.get_json()

        assert (response.status_code, problem["code"]) == (401, "invalid_token"), header
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert response.headers["Cache-Control"] == "no-store"


async def test_a_websocket_handshake_is_refused_for_a_bad_token_and_open_to_a_good_one(
    client: Client, ada: dict[str, str]
) -> None:
    pair = await sign_in(client, ada)
    path = "/ws/subscribe?market=simulated&symbols=BTC/USD"

    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket(path, headers=Headers(bearer("x.y.z"))) as socket:
            await socket.receive()
    assert refused.value.response.status_code == 401

    async with asyncio.timeout(10), client.websocket(path, headers=Headers(bearer(pair["token"]))) as socket:
        while '"snapshot"' not in await socket.receive():
            pass


async def test_a_token_in_the_address_is_never_read(client: Client, accounts: AuthService) -> None:
    await accounts.create_user("root", PASSWORD, Role.ADMIN)
    pair = await sign_in(client, {"username": "root", "password": PASSWORD})

    for name in ("access_token", "token", "authorization", "jwt"):
        assert (await client.get(f"/api/v1/admin/users?{name}={pair['token']}")).status_code == 401
