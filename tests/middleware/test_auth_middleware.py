"""The access decorators, on views of the tests' own; tests/api meets them on the real ones."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from quart import Quart, g, websocket
from quart.testing.app import TestApp as ServedApp
from quart.testing.connections import WebsocketResponseError
from quart.typing import TestClientProtocol as Client
from werkzeug.datastructures import Headers

from app import create_app
from config import Config
from middleware.auth_middleware import public, public_without_token, requires_role, requires_user
from middleware.context import EXTENSION
from middleware.declarations import declared
from services import Services
from tests.user_maker import making_users
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"


async def who() -> dict[str, str | None]:
    """Answer who the view takes the caller for."""
    return {"username": g.principal.username if g.principal else None}


async def who_over_websocket() -> None:
    await websocket.accept()
    await websocket.send(g.principal.username if g.principal else "nobody")


@pytest.fixture
async def house(config: Config, pool: asyncpg.Pool) -> AsyncIterator[tuple[Quart, dict[str, Headers]]]:
    """An app with one view for each decorator, and the headers of a user and an admin."""
    app = create_app(config)
    app.add_url_rule("/public", "public_view", public(who))
    app.add_url_rule("/without", "without_view", public_without_token(who))
    app.add_url_rule("/user", "user_view", requires_user(who))
    app.add_url_rule("/admin", "admin_view", requires_role(Role.ADMIN)(who))
    app.add_websocket("/socket", "socket_view", requires_user(who_over_websocket))
    async with ServedApp(app):
        services: Services = app.extensions[EXTENSION]
        headers = {}
        with making_users(pool) as accounts:
            for name, role in (("ada", Role.USER), ("root", Role.ADMIN)):
                await accounts.create_user(name, PASSWORD, role)
                pair = await services.auth.sign_in(name, PASSWORD)
                headers[name] = Headers({"Authorization": f"Bearer {pair.access_token}"})
        headers["nobody"] = Headers()
        headers["bad"] = Headers({"Authorization": "Bearer x.y.z"})
        headers["two"] = Headers([*headers["ada"].items(), *headers["root"].items()])
        yield app, headers


ANSWERS = {
    "/public": {"nobody": (200, None), "ada": (200, "ada"), "root": (200, "root"), "bad": (401, None)},
    "/without": {"nobody": (200, None), "ada": (200, None), "root": (200, None), "bad": (200, None)},
    "/user": {"nobody": (401, None), "ada": (200, "ada"), "root": (200, "root"), "bad": (401, None)},
    "/admin": {"nobody": (401, None), "ada": (403, None), "root": (200, "root"), "bad": (401, None)},
}


async def test_each_decorator_lets_in_whom_it_names_and_tells_the_view_who(
    house: tuple[Quart, dict[str, Headers]],
) -> None:
    app, headers = house
    client: Client = app.test_client()
    for path, answers in ANSWERS.items():
        for caller, (status, username) in answers.items():
            response = await client.get(path, headers=headers[caller])

            assert response.status_code == status, (path, caller)
            assert (await response.get_json()).get("username") == username, (path, caller)


async def test_two_authorization_headers_are_none(house: tuple[Quart, dict[str, Headers]]) -> None:
    app, headers = house

    for path in ("/public", "/user", "/admin"):
        assert (await app.test_client().get(path, headers=headers["two"])).status_code == 401


async def test_a_websocket_is_guarded_at_its_handshake(house: tuple[Quart, dict[str, Headers]]) -> None:
    app, headers = house
    client: Client = app.test_client()
    for caller in ("nobody", "bad", "two"):
        with pytest.raises(WebsocketResponseError) as refused:
            async with client.websocket("/socket", headers=headers[caller]) as socket:
                await socket.receive()
        assert refused.value.response.status_code == 401

    async with client.websocket("/socket", headers=headers["ada"]) as socket:
        assert await socket.receive() == "ada"


@pytest.mark.parametrize(
    ("view", "access"),
    [
        (public(who), "public"),
        (public_without_token(who), "public"),
        (requires_user(who), "user"),
        (requires_role(Role.ADMIN)(who), "role:admin"),
    ],
)
def test_a_view_shows_who_may_call_it(view: object, access: str) -> None:
    assert callable(view)
    assert declared(view, "access") == access
