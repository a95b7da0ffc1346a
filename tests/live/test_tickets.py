"""Tickets of WebSockets: counted before anything is asked for them, and spent only by what they open."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from quart import Quart
from quart.testing.connections import WebsocketResponseError

from config import Config
from middleware.context import EXTENSION
from services import Services
from tests.live.talk import DEADLINE_S
from utils.accounts import Principal, Role

PASSWORD = "a sentence that only I know"
PATHS = [
    "/ws?market=simulated",
    "/api/v1/ws?market=simulated",
    "/ws/subscribe?market=simulated&symbols=BTC/USD",
]
CALLS = 6


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, rate_limit_per_minute=CALLS, ws_max_per_address=2)


@pytest.fixture
def house(app: Quart) -> Services:
    return app.extensions[EXTENSION]


@pytest.fixture
async def ada(house: Services) -> Principal:
    await house.auth.create_user("ada", PASSWORD, Role.USER)
    return await house.auth.authenticate((await house.auth.sign_in("ada", PASSWORD)).access_token)


async def refusal(app: Quart, path: str) -> tuple[int, str]:
    with pytest.raises(WebsocketResponseError) as refused:
        async with app.test_client().websocket(path) as connection:
            await connection.receive()
    answer = refused.value.response
    return answer.status_code, (await answer.get_json())["code"]


async def answers(connection: Any) -> None:
    """Wait until a socket is open, and answers."""
    await connection.send('{"type":"ping"}')
    async with asyncio.timeout(DEADLINE_S):
        while json.loads(await connection.receive())["type"] != "pong":
            pass


async def opens(app: Quart, path: str) -> None:
    async with app.test_client().websocket(path) as connection:
        await answers(connection)


@pytest.mark.parametrize("path", PATHS)
async def test_a_ticket_opens_one_socket_of_any_kind(app, house, ada, path):
    ticket = await house.auth.tickets.issue(ada, None)
    await opens(app, f"{path}&ticket={ticket}")
    assert await refusal(app, f"{path}&ticket={ticket}") == (401, "invalid_token")


@pytest.mark.parametrize("path", PATHS)
async def test_of_two_sockets_at_once_a_ticket_opens_one(app, house, ada, path):
    ticket = await house.auth.tickets.issue(ada, None)

    async def outcome() -> str:
        try:
            await opens(app, f"{path}&ticket={ticket}")
        except WebsocketResponseError as refused:
            return str((await refused.response.get_json())["code"])
        return "open"

    assert sorted(await asyncio.gather(outcome(), outcome())) == ["invalid_token", "open"]


async def test_who_makes_tickets_up_is_counted_and_asks_the_database_no_more(app, house, pool):
    made_up = [f"{PATHS[0]}&ticket={'A' * 41}{number:02}" for number in range(CALLS + 1)]
    heard = [await refusal(app, each) for each in made_up[:CALLS]]
    assert heard == [(401, "invalid_token")] * CALLS
    # Whatever the database would say to it.
    await pool.execute("ALTER TABLE socket_ticket RENAME TO socket_ticket_away")
    try:
        assert await refusal(app, made_up[CALLS]) == (429, "rate_limited")
    finally:
        await pool.execute("ALTER TABLE socket_ticket_away RENAME TO socket_ticket")


@pytest.mark.parametrize("path", PATHS)
async def test_a_socket_refused_for_too_many_requests_spends_no_ticket(app, house, ada, redis, path):
    ticket = await house.auth.tickets.issue(ada, None)
    for _ in range(CALLS):
        assert await refusal(app, f"{PATHS[0]}&ticket=x") == (401, "invalid_token")
    assert await refusal(app, f"{path}&ticket={ticket}") == (429, "rate_limited")
    # As if the minute were over in which they are counted.
    await redis.flushall()
    await opens(app, f"{path}&ticket={ticket}")


@pytest.mark.parametrize("path", PATHS)
async def test_a_socket_refused_for_too_many_others_spends_no_ticket(app, house, ada, path):
    ticket = await house.auth.tickets.issue(ada, None)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await answers(await stack.enter_async_context(app.test_client().websocket(PATHS[0])))
        assert await refusal(app, f"{path}&ticket={ticket}") == (429, "too_many_connections")
    await opens(app, f"{path}&ticket={ticket}")


@pytest.mark.parametrize(
    "wrong",
    ["?market=simulated&symbols=BTCUSD", "?market=simulated", "?market=simulated&symbols=BTC/USD&since=x"],
)
async def test_a_socket_refused_for_what_it_asks_for_spends_no_ticket(app, house, ada, wrong):
    ticket = await house.auth.tickets.issue(ada, None)
    assert (await refusal(app, f"/ws/subscribe{wrong}&ticket={ticket}"))[0] in (404, 422)
    await opens(app, f"{PATHS[2]}&ticket={ticket}")
