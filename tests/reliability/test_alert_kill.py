"""Price alerts survive kill -9 of the whole service: each crossing is told once, whoever was away meanwhile.

Run the long form by name: ``./test.sh tests/reliability/test_alert_kill.py -m long``.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import aiohttp
import pytest

from tests.exchange import HeldTrade, LocalExchange
from tests.launcher.conftest import Service
from tests.reliability.conftest import ADA
from utils.clock import Clock

SYMBOL = "BTC/USD"
PLACE = {"market": "crypto", "exchange": "bitstamp", "symbol": SYMBOL, "timeframe": "1m"}
MIDDLE, BELOW, ABOVE = "60000.00", "58900.00", "61100.00"
LEVELS = {"cross_below": "59000", "cross_above": "61000"}
DEADLINE_S = 60
KILLS_LONG = 12


@dataclass
class Trader:
    """A user of a service that a test kills as it likes, and the exchange whose prices the test makes."""

    exchange: LocalExchange
    start: Callable[[], Service]
    heard: list[dict[str, Any]] = field(default_factory=list)
    since: str | None = None
    sequence: int = 0
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    _service: Service | None = None
    _session: aiohttp.ClientSession | None = None
    _socket: aiohttp.ClientWebSocketResponse | None = None

    async def trade(self, price: str) -> None:
        """Let the exchange trade at a price, at this moment."""
        await self.exchange.bitstamp.push_trades(
            SYMBOL, [HeldTrade(next(self._ids), Clock().now_ms(), price, "0.5")]
        )

    async def come(self) -> None:
        """Start the service, sign in and listen, from where this trader was."""
        self._service = await asyncio.to_thread(self.start)
        self._session = aiohttp.ClientSession(self._service.url)
        async with self._session.post("/auth/login", json=ADA) as answer:
            token = (await answer.json())["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"
        query = {"market": "crypto", "exchange": "bitstamp", "symbols": SYMBOL, "timeframe": "1m"}
        query |= {"announce": "true", "mode": "alerts", "announce_since": str(self.sequence)}
        if self.since is not None:
            query["since"] = self.since
        self._socket = await self._session.ws_connect("/ws/subscribe", params=query)
        await self.until(lambda: self.since is not None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Listen until a condition holds; keep the position and the sequence as a client does."""
        assert self._socket is not None
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                message = json.loads(await self._socket.receive_str())
                if "epoch" in message:
                    self.since = f"{message['epoch']},{message['offset']}"
                elif "offset" in message and self.since is not None:
                    self.since = f"{self.since.partition(',')[0]},{message['offset']}"
                if message["type"] == "announce":
                    self.heard.append(message)
                    self.sequence = max(self.sequence, message["sequence"])

    async def set_alerts(self) -> None:
        """Make both alerts, and wait until the service watches them."""
        for kind, level in LEVELS.items():
            await self.ask("POST", "/api/v1/alerts", json=PLACE | {"kind": kind, "level": level})
        await self.until_armed()

    async def until_armed(self) -> None:
        """Wait until every alert waits for its price."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.states() != {"armed"}:  # noqa: ASYNC110 - nothing tells of an alert that is armed
                await asyncio.sleep(0.05)

    async def states(self) -> set[str]:
        """Return the states that alerts are in."""
        return {each["state"] for each in (await self.ask("GET", "/api/v1/alerts"))["alerts"]}

    async def ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """Ask the service by HTTP."""
        assert self._session is not None
        async with self._session.request(method, path, **given) as answer:
            assert answer.status < 300, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def kill(self) -> None:
        """Kill the launcher and its workers at once; no goodbye is said."""
        assert self._service is not None
        await asyncio.to_thread(self._service.kill)
        await self.close()

    async def close(self) -> None:
        """Drop what is left of the line."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def alerts(self) -> list[tuple[str, str]]:
        """Return the kind and the priority of each alert that was heard, in order."""
        said = [each for each in self.heard if each["kind"] == "alert"]
        assert len({each["sequence"] for each in said}) == len(said), "an alert was told twice"
        return [("below" if "fell" in each["text"] else "above", each["priority"]) for each in said]


@pytest.fixture
async def trader(launch_for_ada: Callable[..., Service]) -> AsyncIterator[Trader]:
    """Ada, with the service on its own PostgreSQL and Valkey, which outlive it."""
    async with LocalExchange(time_ms=Clock().now_ms()) as exchange:
        start = partial(launch_for_ada, CRYPTO_ENDPOINT=exchange.endpoint, CRYPTO_EXCHANGES="bitstamp")
        trader = Trader(exchange, start)
        await trader.trade(MIDDLE)
        yield trader
        await trader.close()


def crossing(announcement: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """Return what a crossing was, however it is told."""
    return announcement["sequence"], announcement["facts"]


async def test_an_alert_survives_a_kill_and_tells_what_was_crossed_meanwhile_and_after(
    trader: Trader,
) -> None:
    await trader.come()
    await trader.set_alerts()
    await trader.kill()
    # Nobody is there to see the price fall and come back.
    await trader.trade(BELOW)
    await trader.trade(MIDDLE)
    await trader.come()
    await trader.until(lambda: len(trader.alerts()) == 1)
    await trader.exchange.bitstamp.until_subscribed(SYMBOL)
    await trader.trade(ABOVE)
    await trader.until(lambda: len(trader.alerts()) == 2)
    assert trader.alerts() == [("below", "critical"), ("above", "critical")]
    # What was missed is read from bars meanwhile, and may be said after an alert, which waits for nothing.
    await trader.until(lambda: len(trader.heard) >= 3)
    assert [each["kind"] for each in trader.heard].count("catch_up") == 1
    record = await trader.ask("GET", "/announcements?since=0")
    # Whoever reads a minute later is told when it was, in other words.
    assert [crossing(each) for each in record["announcements"]] == [
        crossing(each) for each in trader.heard if each["kind"] == "alert"
    ]
    counts = [each["fired_count"] for each in (await trader.ask("GET", "/api/v1/alerts"))["alerts"]]
    assert counts == [1, 1]


@pytest.mark.long
async def test_a_kill_in_the_moment_of_a_crossing_neither_loses_nor_doubles_it(trader: Trader) -> None:
    rng = random.Random(KILLS_LONG)
    await trader.come()
    await trader.set_alerts()
    for number in range(KILLS_LONG):
        await trader.exchange.bitstamp.until_subscribed(SYMBOL)
        # Each time further than before: of a price that is gone again only the bar's high or low still tells.
        beyond = Decimal(number * 10)
        await trader.trade(str(Decimal(ABOVE) + beyond if number % 2 else Decimal(BELOW) - beyond))
        # Not to wait for anything: the moment of the kill is what is random.
        await asyncio.sleep(rng.random() * 0.1)
        await trader.kill()
        await trader.trade(MIDDLE)
        await trader.come()
        await trader.until(lambda wanted=number + 1: len(trader.alerts()) == wanted)
        await trader.until_armed()
    assert trader.alerts() == [
        ("above" if number % 2 else "below", "critical") for number in range(KILLS_LONG)
    ]
