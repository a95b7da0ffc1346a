"""Who holds a live connection: by header, ticket or first message; and that it ends with the session."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from quart import Quart
from quart.testing.connections import WebsocketResponseError
from werkzeug.datastructures import Headers

from app import create_app
from middleware.context import EXTENSION
from services import Services, principal_watch
from services.principal_watch import LOOK_EVERY_S, QUESTION_TIMEOUT_S
from services.sessions import TokenPair
from tests.live.talk import DEADLINE_S
from tests.socket_client import SocketClosedError
from utils.accounts import Caller, Principal, Role

PASSWORD = "a sentence that only I know"
PATHS = [
    "/ws?market=simulated",
    "/api/v1/ws?market=simulated",
    "/ws/subscribe?market=simulated&symbols=BTC/USD",
]
PAGE = "https://charts.example"
CLOSE_UNAUTHORIZED = 3000
ENDED_WITHIN_S = 5.0


@pytest.fixture
def house(app: Quart) -> Services:
    return app.extensions[EXTENSION]


@pytest.fixture
async def pair(house: Services) -> TokenPair:
    await house.auth.create_user("root", PASSWORD, Role.ADMIN)
    await house.auth.create_user("ada", PASSWORD, Role.USER)
    return await house.auth.sign_in("ada", PASSWORD)


@pytest.fixture
async def ada(house: Services, pair: TokenPair) -> Principal:
    return await house.auth.authenticate(pair.access_token)


def bearer(pair: TokenPair) -> Headers:
    return Headers({"Authorization": f"Bearer {pair.access_token}"})


async def heard_until(connection: Any, *kinds: str) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            message: dict[str, Any] = json.loads(await connection.receive())
            if message["type"] in kinds:
                return message


async def end_of(connection: Any) -> int:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                await connection.receive()
            except SocketClosedError as end:
                return int(end.args[0])


async def refusal(client: Any, path: str, headers: dict[str, str] | None = None) -> int:
    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket(path, headers=Headers(headers or {})) as connection:
            await connection.receive()
    return int(refused.value.response.status_code)


@pytest.mark.parametrize("path", PATHS)
async def test_a_first_message_signs_in(client, house, pair, path):
    async with client.websocket(path) as connection:
        await connection.send(json.dumps({"type": "authenticate", "id": "a", "token": pair.access_token}))
        message = await heard_until(connection, "authenticated")
    assert message == {"type": "authenticated", "id": "a", "username": "ada", "topics_max": 100}
    assert not house.principals.held


@pytest.mark.parametrize("path", PATHS)
async def test_a_bad_token_in_a_message_is_said_and_ends_the_connection(client, pair, path):
    async with client.websocket(path) as connection:
        await connection.send(json.dumps({"type": "authenticate", "token": pair.refresh_token}))
        assert (await heard_until(connection, "error"))["code"] == "invalid_token"
        assert await end_of(connection) == CLOSE_UNAUTHORIZED


async def test_nobody_signs_in_twice_on_one_connection(client, pair):
    async with client.websocket(PATHS[0], headers=bearer(pair)) as connection:
        await connection.send(json.dumps({"type": "authenticate", "token": pair.access_token}))
        assert (await heard_until(connection, "error", "authenticated"))["code"] == "signed_in_already"


async def test_a_connection_without_a_user_may_hold_fewer_topics(client, house, pair):
    async with client.websocket(PATHS[2]) as connection:
        assert (await heard_until(connection, "hello"))[
            "topics_max"
        ] == house.live.limits.anonymous_topics_max
    async with client.websocket(PATHS[2], headers=bearer(pair)) as connection:
        assert (await heard_until(connection, "hello"))["topics_max"] == house.live.limits.topics_max


async def test_a_user_counts_who_signs_in_by_message(client, house, pair):
    allowed = house.live.limits.per_user_max
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        full = asyncio.Event()
        places = asyncio.Semaphore(0)

        async def hold() -> None:
            async with client.websocket(PATHS[0]) as connection:
                await connection.send(json.dumps({"type": "authenticate", "token": pair.access_token}))
                await heard_until(connection, "authenticated")
                places.release()
                await full.wait()

        for _ in range(allowed):
            group.create_task(hold())
        for _ in range(allowed):
            await places.acquire()
        async with client.websocket(PATHS[0]) as connection:
            await connection.send(json.dumps({"type": "authenticate", "token": pair.access_token}))
            assert (await heard_until(connection, "error", "authenticated"))["code"] == "too_many_connections"
        full.set()


async def test_a_ticket_opens_one_socket_once_and_only_for_its_origin(client, app, pair):
    app.config["TRUSTED_ORIGINS"] = (PAGE, "https://other.example")

    async def ticket(origin: str | None) -> str:
        headers = bearer(pair)
        if origin:
            headers["Origin"] = origin
        response = await client.post("/auth/ws-ticket", headers=headers)
        body = await response.get_json()
        assert response.headers["Cache-Control"] == "no-store"
        assert body.keys() == {"ticket", "expires_in"}
        assert body["expires_in"] == 30
        return str(body["ticket"])

    first = await ticket(PAGE)
    async with client.websocket(
        f"{PATHS[0]}&ticket={first}", headers=Headers({"Origin": PAGE})
    ) as connection:
        await connection.send(json.dumps({"type": "authenticate", "token": pair.access_token}))
        assert (await heard_until(connection, "error"))["code"] == "signed_in_already"
    assert await refusal(client, f"{PATHS[0]}&ticket={first}", {"Origin": PAGE}) == 401
    second = await ticket(PAGE)
    assert await refusal(client, f"{PATHS[0]}&ticket={second}", {"Origin": "https://other.example"}) == 401
    assert await refusal(client, f"{PATHS[0]}&ticket={second}", {"Origin": PAGE}) == 401
    third = await ticket(None)
    assert await refusal(client, f"{PATHS[0]}&ticket={third}", dict(bearer(pair))) == 401


@pytest.mark.parametrize("name", ["access_token", "token", "authorization", "jwt", "bearer"])
async def test_no_access_token_is_read_from_the_address_of_a_socket(client, pair, name):
    for path in PATHS:
        assert await refusal(client, f"{path}&{name}={pair.access_token}") == 422
        assert await refusal(client, f"{path}&ticket={pair.access_token[:64]}") == 401


End = Callable[[Services, Principal], Awaitable[object]]
NOBODY = Caller()


async def _admin(house: Services) -> Principal:
    return await house.auth.authenticate((await house.auth.sign_in("root", PASSWORD)).access_token)


async def _log_out(house: Services, ada: Principal) -> None:
    await house.auth.end_session(ada, ada.session_id, NOBODY)


async def _end_all(house: Services, ada: Principal) -> None:
    await house.auth.end_sessions(ada, NOBODY)


async def _change_password(house: Services, ada: Principal) -> None:
    await house.auth.change_password(ada, PASSWORD, "another sentence of mine", NOBODY)


async def _disable(house: Services, ada: Principal) -> None:
    await house.user_admin.set_disabled(await _admin(house), ada.user_id, NOBODY, disabled=True)


async def _change_role(house: Services, ada: Principal) -> None:
    await house.user_admin.set_role(await _admin(house), ada.user_id, Role.ADMIN, NOBODY)


async def _end_by_admin(house: Services, ada: Principal) -> None:
    await house.user_admin.end_session(await _admin(house), ada.session_id, NOBODY)


async def _expire(house: Services, ada: Principal) -> None:
    await house.pool.execute("UPDATE session SET expires_at = now() WHERE session_id = $1", ada.session_id)


async def _reuse(house: Services, ada: Principal) -> None:
    await house.pool.execute(
        "UPDATE session SET revoked_at = now(), revoked_reason = 'reused' WHERE session_id = $1",
        ada.session_id,
    )


ENDS: list[End] = [
    _log_out, _end_all, _change_password, _disable, _change_role, _end_by_admin, _expire, _reuse,
]  # fmt: skip


@pytest.fixture
async def workers(config) -> AsyncIterator[tuple[Quart, Quart]]:
    """Two workers on one database, with clocks of their own."""
    one, other = create_app(config), create_app(config)
    async with one.test_app(), other.test_app():
        yield one, other


@pytest.mark.parametrize("end", ENDS, ids=[end.__name__.strip("_") for end in ENDS])
async def test_sockets_on_every_worker_end_with_the_session_within_five_seconds(workers, end):
    house: Services = workers[0].extensions[EXTENSION]
    await house.auth.create_user("root", PASSWORD, Role.ADMIN)
    await house.auth.create_user("ada", PASSWORD, Role.USER)
    pair = await house.auth.sign_in("ada", PASSWORD)
    ada = await house.auth.authenticate(pair.access_token)
    loop = asyncio.get_running_loop()
    ready, ended = asyncio.Semaphore(0), loop.create_future()

    async def listen(worker: Quart, path: str, *, by_message: bool) -> float:
        headers = Headers() if by_message else bearer(pair)
        async with worker.test_client().websocket(path, headers=headers) as connection:
            if by_message:
                await connection.send(json.dumps({"type": "authenticate", "token": pair.access_token}))
            await heard_until(connection, "authenticated", "price_update", "snapshot")
            ready.release()
            assert await end_of(connection) == CLOSE_UNAUTHORIZED
            return loop.time() - await ended

    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        listeners = [
            group.create_task(listen(worker, PATHS[2], by_message=by_message))
            for worker in workers
            for by_message in (False, True)
        ]
        for _ in listeners:
            await ready.acquire()
        await end(house, ada)
        ended.set_result(loop.time())
    assert max(task.result() for task in listeners) < ENDED_WITHIN_S


async def test_a_socket_of_another_user_and_one_without_a_user_stay(client, house, ada, pair, monkeypatch):
    monkeypatch.setattr(principal_watch, "LOOK_EVERY_S", 0.01)
    other = await house.auth.sign_in("root", PASSWORD)
    async with (
        client.websocket(PATHS[2], headers=bearer(other)) as stays,
        client.websocket(PATHS[2]) as anonymous,
        client.websocket(PATHS[2], headers=bearer(pair)) as ends,
    ):
        for connection in (stays, anonymous, ends):
            await heard_until(connection, "snapshot")
        await _log_out(house, ada)
        assert await end_of(ends) == CLOSE_UNAUTHORIZED
        for connection in (stays, anonymous):
            await connection.send('{"type":"ping"}')
            await heard_until(connection, "pong")


async def test_while_the_database_is_away_no_socket_ends(client, house, pair, monkeypatch):
    monkeypatch.setattr(principal_watch, "LOOK_EVERY_S", 0.01)
    asked = asyncio.Event()

    async def away(_: object) -> None:
        asked.set()
        raise OSError("gone")

    async with client.websocket(PATHS[2], headers=bearer(pair)) as connection:
        await heard_until(connection, "snapshot")
        monkeypatch.setattr(house.auth.sessions, "changed", away)
        async with asyncio.timeout(DEADLINE_S):
            await asked.wait()
        await connection.send('{"type":"ping"}')
        await heard_until(connection, "pong")


def test_looking_and_asking_take_less_than_the_promise():
    assert LOOK_EVERY_S + QUESTION_TIMEOUT_S < ENDED_WITHIN_S
