"""Coins in the app: its clock is moved by hand, and its provider is the simulation."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from quart import Quart
from quart.testing.app import TestApp
from quart.typing import TestClientProtocol

from app import create_app
from config import Config
from middleware.context import EXTENSION
from services import Services
from tests.coins.made_coins import NOW_MS
from utils.clock import Clock


@dataclass
class Coins:
    """The app, its services, and the time that both take for now."""

    app: Quart
    services: Services
    now: list[int]

    @property
    def client(self) -> TestClientProtocol:
        return self.app.test_client()

    async def get(self, path: str, status: int = 200, **asked: object) -> dict:
        answer = await self.client.get(f"/api/v1/cryptocurrencies{path}", **asked)
        body = await answer.get_json()
        assert answer.status_code == status, body
        return body


@pytest.fixture
def coins_config(config: Config) -> Config:
    return config


@pytest.fixture
async def coins(coins_config: Config) -> AsyncIterator[Coins]:
    now = [NOW_MS]
    created = create_app(replace(coins_config, role="all"), Clock(now_ms=lambda: now[0]))
    created.config["PROPAGATE_EXCEPTIONS"] = False
    async with TestApp(created):
        yield Coins(created, created.extensions[EXTENSION], now)
