"""While PostgreSQL hangs or is gone, nobody is known: that is said in time, and open sockets stay."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from quart import Quart
from quart.testing.connections import WebsocketResponseError
from werkzeug.datastructures import Headers

from app import create_app
from app_extensions import measured_pool
from config import Config
from middleware.context import EXTENSION
from services import Services
from services.sessions import TokenPair
from tests.databases import door, through
from tests.relay import Relay
from utils.accounts import Role

PASSWORD = "a sentence that only I know"
PATHS = [
    "/ws?market=simulated",
    "/api/v1/ws?market=simulated",
    "/ws/subscribe?market=simulated&symbols=BTC/USD",
]
# Well below the time after which work of our own gives a statement up.
ANSWER_WITHIN_S = 3
RECOVERED_WITHIN_S = 30


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_pool, "REQUEST_WAIT_MAX_S", 0.4)


@pytest.fixture
async def wire(dsn: str) -> AsyncIterator[Relay]:
    async with Relay(door(dsn)) as relay:
        yield relay


@pytest.fixture
async def app(config: Config, wire: Relay) -> AsyncIterator[Quart]:
    """The app, with a wire to its database that the test may let hang."""
    app = create_app(replace(config, db_connection_string=through(config.db_connection_string, wire.port)))
    async with app.test_app():
        yield app
        # Closing should not have to wait for a server that hangs.
        wire.heal()


@pytest.fixture
def house(app: Quart) -> Services:
    return app.extensions[EXTENSION]


@pytest.fixture
async def pair(house: Services) -> TokenPair:
    await house.auth.create_user("ada", PASSWORD, Role.USER)
    return await house.auth.sign_in("ada", PASSWORD)


async def is_refused_in_time(app: Quart, path: str, headers: dict[str, str] | None = None) -> None:
    with pytest.raises(WebsocketResponseError) as refused:
        async with (
            asyncio.timeout(ANSWER_WITHIN_S),
            app.test_client().websocket(path, headers=Headers(headers or {})) as connection,
        ):
            await connection.receive()
    answer = refused.value.response
    problem = await answer.get_json()
    assert (answer.status_code, problem["code"]) == (503, "database_unavailable")
    assert problem["detail"] == "The database does not answer now. Try again in a few seconds."
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize("path", PATHS)
async def test_a_socket_with_a_token_is_refused_in_time(
    app: Quart, wire: Relay, pair: TokenPair, path: str
) -> None:
    wire.hang()
    await is_refused_in_time(app, path, {"Authorization": f"Bearer {pair.access_token}"})


@pytest.mark.parametrize("path", PATHS)
async def test_a_socket_with_a_ticket_is_refused_in_time(
    app: Quart, house: Services, wire: Relay, pair: TokenPair, path: str
) -> None:
    ada = await house.auth.authenticate(pair.access_token)
    ticket = await house.auth.tickets.issue(ada, None)
    wire.hang()
    await is_refused_in_time(app, f"{path}&ticket={ticket}")


async def answer_to(connection: Any, kinds: set[str], **command: str) -> dict[str, Any]:
    await connection.send(json.dumps(command))
    while True:
        message: dict[str, Any] = json.loads(await connection.receive())
        if message["type"] in kinds:
            return message


async def is_signed_in(connection: Any, token: str) -> bool:
    answer = await answer_to(connection, {"authenticated", "error"}, type="authenticate", token=token)
    return bool(answer["type"] == "authenticated")


@pytest.mark.parametrize("fault", ["hang", "cut"])
@pytest.mark.parametrize("path", PATHS)
async def test_who_signs_in_on_an_open_socket_hears_it_in_time_and_may_try_again(
    app: Quart, wire: Relay, pair: TokenPair, path: str, fault: str
) -> None:
    async with app.test_client().websocket(path) as connection:
        await answer_to(connection, {"pong"}, type="ping")
        getattr(wire, fault)()
        async with asyncio.timeout(ANSWER_WITHIN_S):
            error = await answer_to(
                connection, {"error"}, type="authenticate", id="a", token=pair.access_token
            )
            await answer_to(connection, {"pong"}, type="ping")
        wire.heal()
        async with asyncio.timeout(RECOVERED_WITHIN_S):
            while not await is_signed_in(connection, pair.access_token):
                pass
    assert (error["id"], error["code"]) == ("a", "database_unavailable")
    assert error["detail"] == "The database does not answer now. Try again in a few seconds."
