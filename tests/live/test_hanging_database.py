"""While PostgreSQL hangs, a WebSocket is refused as soon as a request is, and an open one stays."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

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
