"""Coins in the app, whose clock is moved by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from quart import Quart
from quart.testing.app import TestApp
from quart.typing import TestClientProtocol

from app import create_app
from config import Config
from middleware.context import EXTENSION
from services import Services
from utils.clock import Clock

ROOT = "/api/v1/cryptocurrencies"


@dataclass
class Coins:
    """The app, its services, and the time that both take for now: ``now[0]``."""

    app: Quart
    services: Services
    now: list[int]

    @property
    def client(self) -> TestClientProtocol:
        return self.app.test_client()

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.client.get(f"{ROOT}{path}")
        body = await answer.get_json()
        assert answer.status_code == status, body
        return body

    async def forget(self) -> None:
        """Forget every kept answer, as five minutes do."""
        await self.services.answers.announce_names(["coins"])


@asynccontextmanager
async def opened(config: Config, now: list[int]) -> AsyncIterator[Coins]:
    """Open a worker."""
    created = create_app(config, Clock(now_ms=lambda: now[0]))
    created.config["PROPAGATE_EXCEPTIONS"] = False
    async with TestApp(created):
        yield Coins(created, created.extensions[EXTENSION], now)
