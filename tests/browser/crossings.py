"""From a trade at the exchange to the text that a screen reader is handed: real processes all the way.

A local exchange trades across the levels of two alerts; the service watches them; the page in Chromium tells
when the text stood in its region for what is critical.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aiohttp

from tests.exchange import HeldTrade, LocalExchange

HERE = Path(__file__).parent
SYMBOL = "BTC/USD"
CHART = {"market": "crypto", "exchange": "bitstamp", "symbol": SYMBOL, "timeframe": "1m"}
LEVELS = {"cross_above": 60_100, "cross_below": 59_900}
UPPER, MIDDLE, LOWER = 60_200, 60_000, 59_800
DEADLINE_S = 60
BUSY_PER_S = 10
TICK_S = 0.02
# The first ones meet a service that does everything for the first time.
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Crossing:
    """One crossing: when the exchange sent it, when its text was in the page, and what the text was."""

    above: bool
    price: float
    sent_ms: float
    heard_ms: float
    text: str

    @property
    def delay_ms(self) -> float:
        """Return how long it took from the one to the other."""
        return self.heard_ms - self.sent_ms


@dataclass(slots=True)
class Stage:
    """The exchange, and the page that listens."""

    exchange: LocalExchange
    page: asyncio.subprocess.Process
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    _price: float = LOWER

    async def cross(self) -> Crossing:
        """Trade across the level on the other side, and wait for what is heard of it."""
        above = self._price < MIDDLE
        self._price = (UPPER if above else LOWER) + next(self._ids) / 100
        sent_ms = time.time() * 1_000
        await self.trade(self._price)
        heard = await read(self.page)
        while "Alert." not in str(heard["text"]):
            # The feed of a topic that nobody followed before is told of as well, sometimes in the same text.
            heard = await read(self.page)
        return Crossing(above, self._price, sent_ms, float(heard["atMs"]), str(heard["text"]))

    async def trade(self, price: float) -> None:
        """Let the exchange trade at a price, at this moment."""
        trade = HeldTrade(next(self._ids), int(time.time() * 1_000), f"{price:.2f}", "0.01")
        await self.exchange.bitstamp.push_trades(SYMBOL, [trade])

    async def be_busy(self, rng: random.Random) -> None:
        """Trade near the newest price, ten times a second, across no level."""
        while True:
            await self.trade(self._price + rng.randrange(-20, 21))
            await asyncio.sleep(rng.uniform(0.5, 1.5) / BUSY_PER_S)


async def keep_time(exchange: LocalExchange) -> None:
    """Let the exchange's clock go on by itself, as it does where nobody trades."""
    while True:
        exchange.time_ms = max(exchange.time_ms, int(time.time() * 1_000))
        await asyncio.sleep(TICK_S)


async def read(page: asyncio.subprocess.Process) -> dict[str, object]:
    """Return what the page tells next."""
    assert page.stdout
    async with asyncio.timeout(DEADLINE_S):
        line = await page.stdout.readline()
    found: dict[str, object] = json.loads(line)
    return found


@contextlib.asynccontextmanager
async def open_page(
    chromium: str, url: str, accounts: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Open the page at the chart, signed in."""
    page = await asyncio.create_subprocess_exec(
        *("node", "crossings.mjs", chromium, url, json.dumps(dict(accounts)), json.dumps(CHART)),
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert (await read(page))["ready"]
        yield page
    finally:
        assert page.stdin
        page.stdin.close()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await page.wait()
        except TimeoutError:
            page.kill()
            raise


async def set_alerts(url: str, accounts: Mapping[str, str]) -> None:
    """Make both alerts, and wait until the service watches them."""
    async with aiohttp.ClientSession(url) as session:
        async with session.post("/auth/login", json=dict(accounts)) as answer:
            session.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"
        for kind, level in LEVELS.items():
            terms = CHART | {"kind": kind, "level": str(level), "hysteresis_percent": "0.01"}
            async with session.post("/api/v1/alerts", json=terms) as answer:
                assert answer.status == 201, await answer.text()
        async with asyncio.timeout(DEADLINE_S):
            while await _states(session) != {"armed", "fired"}:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)


async def _states(session: aiohttp.ClientSession) -> set[str]:
    async with session.get("/api/v1/alerts") as answer:
        return {alert["state"] for alert in (await answer.json())["alerts"]}


async def measure(
    start: Callable[[dict[str, str]], str],
    chromium: str,
    accounts: Mapping[str, str],
    *,
    crossings: int,
    busy: bool,
    pause_s: float,
    seed: int = 1,
) -> list[Crossing]:
    """Return what became of so many crossings, each after the other; ``start`` runs the service there."""
    rng = random.Random(seed)
    async with LocalExchange(time_ms=int(time.time() * 1_000)) as exchange:
        venue = {"CRYPTO_ENDPOINT": exchange.endpoint, "CRYPTO_EXCHANGES": "bitstamp"}
        exchange.bitstamp.hold_trades(SYMBOL, [HeldTrade(1, exchange.time_ms, f"{LOWER:.2f}", "0.01")])
        async with asyncio.TaskGroup() as group:
            clock = group.create_task(keep_time(exchange))
            url = await asyncio.to_thread(start, venue)
            async with open_page(chromium, url, accounts) as page:
                await exchange.bitstamp.until_subscribed(SYMBOL)
                stage = Stage(exchange, page, count(2))
                await set_alerts(url, accounts)
                noise = group.create_task(stage.be_busy(rng)) if busy else clock
                found = []
                for _ in range(WARM_UP + crossings):
                    await asyncio.sleep(rng.uniform(0.5, 1.5) * pause_s)
                    found.append(await stage.cross())
                noise.cancel()
            clock.cancel()
        return found[WARM_UP:]
