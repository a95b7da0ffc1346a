"""Everybody who may come to the door: with no token, with a bad one, and with good ones of every kind."""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from uuid import uuid4

import jwt
import pytest
from quart import Quart
from quart.testing.app import TestApp as ServedApp

from app import create_app
from config import Config
from middleware.context import EXTENSION
from services import Services
from services.sessions import TokenPair
from services.tokens import SigningKeys
from tests.launcher.conftest import beside, launch
from utils.accounts import Caller, Role, User

__all__ = ["beside", "launch"]

PASSWORD = "a horse in a field of corn"
NOBODY = Caller()


@dataclass
class Household:
    """Users of every kind, and fresh tokens of theirs without the cost of a password."""

    app: Quart
    secret_key: str
    users: dict[str, User] = field(default_factory=dict)
    addresses: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def house(self) -> Services:
        return self.app.extensions[EXTENSION]

    async def move_in(self) -> None:
        hasher = self.house.auth
        for name, role in (("ada", Role.USER), ("root", Role.ADMIN), ("gone", Role.USER), ("bob", Role.USER)):
            self.users[name] = await hasher.create_user(name, PASSWORD, role)

    async def pair(self, name: str) -> TokenPair:
        async with self.house.pool.acquire() as connection, connection.transaction():
            return await self.house.auth.sessions.open(connection, self.users[name], NOBODY)

    async def token(self, kind: str) -> str | None:
        """Return a fresh token of a kind; None for who sends none."""
        if kind in ALTERATIONS:
            return self.altered(await self.pair("root"), *ALTERATIONS[kind])
        if kind in ("none", "garbage"):
            return "x.y.z" if kind == "garbage" else None
        if kind == "refresh token":
            return (await self.pair("ada")).refresh_token
        if kind == "revoked":
            pair = await self.pair("ada")
            principal = await self.house.auth.authenticate(pair.access_token)
            await self.house.auth.end_session(principal, principal.session_id, NOBODY)
            return pair.access_token
        if kind == "disabled":
            pair = await self.pair("gone")
            await self.house.pool.execute("UPDATE app_user SET disabled_at = now() WHERE username = 'gone'")
            return pair.access_token
        return (await self.pair({"user": "ada", "admin": "root"}[kind])).access_token

    def altered(self, pair: TokenPair, header: dict[str, str], claims: dict[str, object]) -> str:
        """Return an admin's token with other claims, well signed."""
        keys = SigningKeys.derive((self.secret_key,))
        read = jwt.decode(pair.access_token, options={"verify_signature": False})
        head = jwt.get_unverified_header(pair.access_token) | header
        shifted = {
            name: read[name] + int(shift) if isinstance(shift, int) else shift
            for name, shift in claims.items()
        }
        return jwt.encode(read | shifted, keys.by_kid[keys.current_kid], "HS256", headers=head)

    def place(self) -> dict[str, object]:
        """Return another address for each request, so that nobody is counted together."""
        number = next(self.addresses)
        return {"client": (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1)}


# Header and claims of a token that is otherwise an admin's; a number moves a time by so many seconds.
ALTERATIONS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "expired": ({}, {"exp": -10_000}),
    "not yet": ({}, {"nbf": 10_000, "iat": 10_000, "exp": 20_000}),
    "wrong audience": ({}, {"aud": "another-api"}),
    "wrong issuer": ({}, {"iss": "somebody-else"}),
    "wrong type": ({"typ": "JWT"}, {}),
    "unknown session": ({}, {"sid": str(uuid4())}),
    "another user": ({}, {"sub": "1"}),
}
BAD_KINDS = ("garbage", "refresh token", "revoked", "disabled", *ALTERATIONS)
GOOD_KINDS = ("user", "admin")
MakeHousehold = Callable[[], Household]


@pytest.fixture
async def household(config: Config) -> AsyncIterator[Household]:
    settings = replace(config, registration="open")
    app = create_app(settings)
    async with ServedApp(app):
        app.extensions[EXTENSION].auth._hasher = replace(app.extensions[EXTENSION].auth._hasher, cost=4)
        made = Household(app, config.secret_key)
        await made.move_in()
        yield made
