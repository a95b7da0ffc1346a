"""Valkey or PostgreSQL is away and comes back: what live clients are told meanwhile, and afterwards."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from quart import Quart

from app import create_app
from config import Config
from tests.databases import door, through
from tests.own_valkey import Valkey
from tests.relay import Relay

DEADLINE_S = 40
AWAY_S = 5
NATIVE = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
CHARTS, CHART = "/api/v1/ws?market=simulated", {"type": "bars.subscribe", "topic": "SIMEX:BTC/USD:1S"}
TICKER, TICK = "/ws?market=simulated", {"type": "subscribe", "symbols": ["BTC/USD"]}


@dataclass
class Ear:
    """Hear everything that one connection is told."""

    connection: Any
    heard: list[dict[str, Any]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        while True:
            message = json.loads(await self.connection.receive())
            async with self._news:
                self.heard.append(message)
                self._news.notify_all()

    async def until(self, condition: Callable[["Ear"], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._news:
            await self._news.wait_for(lambda: condition(self))

    @property
    def states(self) -> list[str]:
        return [message["state"] for message in self.heard if message["type"].endswith("status")]

    def bars(self) -> list[dict[str, Any]]:
        return [
            message for message in self.heard if message["type"] in ("bar", "bars.update", "price_update")
        ]

    def closed_opens(self) -> list[int]:
        bars = [message["bar"] for message in self.heard if message["type"] == "bar"]
        return [bar["open_time_ms"] for bar in bars if bar["state"] != "forming"]


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    home = tmp_path / "valkey"
    home.mkdir()
    valkey = Valkey(home)
    await valkey.start()
    yield valkey
    await valkey.kill()


@pytest.fixture
async def ears(config: Config, valkey: Valkey) -> AsyncIterator[list[Ear]]:
    """One client of each dialect, all of them on the same live prices."""
    app = create_app(replace(config, redis_url=valkey.url))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    async with app.test_app(), listening(app, [(NATIVE, None), (CHARTS, CHART), (TICKER, TICK)]) as ears:
        for ear in ears:
            await ear.until(lambda each: "live" in each.states and len(each.bars()) > 1)
        yield ears


@contextlib.asynccontextmanager
async def listening(app: Quart, wishes: list[tuple[str, dict[str, str] | None]]) -> AsyncIterator[list[Ear]]:
    async with AsyncExitStack() as stack:
        ears = []
        for path, command in wishes:
            connection = await stack.enter_async_context(app.test_client().websocket(path))
            if command is not None:
                await connection.send(json.dumps(command))
            ears.append(Ear(connection))
        tasks = [asyncio.create_task(ear.listen()) for ear in ears]
        try:
            yield ears
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def test_a_valkey_that_was_away_is_said_once_and_its_hole_is_filled(
    ears: list[Ear], valkey: Valkey
) -> None:
    await valkey.kill()
    for ear in ears:
        await ear.until(lambda each: each.states == ["live", "delayed"])
    native = ears[0]
    before = native.closed_opens()
    await asyncio.sleep(AWAY_S)  # the time without a log is what is tested
    await valkey.start()
    for ear in ears:
        await ear.until(lambda each: each.states == ["live", "delayed", "live"])
        assert "resync" not in [message["type"] for message in ear.heard]
    told = len(native.closed_opens())
    await native.until(lambda each: len(each.closed_opens()) > told + 1)
    after = native.closed_opens()[len(before) :]
    assert after == list(range(after[0], after[0] + 1_000 * len(after), 1_000))
    # A close that Valkey had not written down when it was killed is told once more.
    assert not before or after[0] in [*before, before[-1] + 1_000]
    assert before == [before[0] + 1_000 * number for number in range(len(before))]


async def test_a_valkey_that_comes_back_empty_is_followed_by_a_resync(
    ears: list[Ear], valkey: Valkey
) -> None:
    await valkey.kill()
    native = ears[0]
    await native.until(lambda each: each.states == ["live", "delayed"])
    valkey.forget_everything()
    await valkey.start()
    await native.until(lambda each: each.states == ["live", "delayed", "live"])
    kinds = [message["type"] for message in native.heard]
    assert kinds.count("resync") == 1
    assert kinds[kinds.index("resync") + 1] == "snapshot"
    sequences = [message["sequence"] for message in native.heard if "sequence" in message]
    assert sequences.count(1) == 2


async def test_while_the_database_is_away_it_is_said_and_nothing_is_missing_afterwards(
    config: Config, dsn: str
) -> None:
    async with Relay(door(dsn)) as wire:
        database = through(config.db_connection_string, wire.port)
        app = create_app(replace(config, db_connection_string=database))
        async with app.test_app(), listening(app, [(NATIVE, None)]) as (ear,):
            await ear.until(lambda each: "live" in each.states and len(each.closed_opens()) > 1)
            wire.cut()
            await ear.until(lambda each: each.states == ["live", "delayed"])
            wire.heal()
            await ear.until(lambda each: each.states == ["live", "delayed", "live"])
            told = len(ear.closed_opens())
            await ear.until(lambda each: len(each.closed_opens()) > told + 1)
    opens = ear.closed_opens()
    assert opens == list(range(opens[0], opens[0] + 1_000 * len(opens), 1_000))
