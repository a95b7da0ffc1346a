"""A service whose PostgreSQL and Valkey die and hang, and people who write, read and sign out meanwhile."""

import asyncio
import itertools
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from tests.reliability.soak_faults import Tormentor

PASSWORD = "a horse in a field of corn"
PEOPLE, WRITERS_EACH = 4, 4
# Below the fifty that a user may have, whatever is on its way.
ALERTS_EACH = 30
PATIENCE_S = 15
PLACE = {"market": "simulated", "exchange": "simex"}
# Long over, so that its answer is final and kept ready.
PAST = PLACE | {
    "symbol": "BTC/USD",
    "timeframe": "1h",
    "since": "2025-01-01T00:00Z",
    "until": "2025-01-02T00:00Z",
}
# Its last bar is forming, so that its answer is never ready for long.
MOVING = PLACE | {"symbol": "BTC/USD", "timeframe": "1h", "limit": "50"}
LIVE_EVERY_S = 0.1


@dataclass
class Person:
    """Somebody who sets alerts and takes them away, and remembers what the service has acknowledged."""

    http: aiohttp.ClientSession
    token: str = ""
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    # The level of each alert, and its id once the service has said that it is there.
    there: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    acknowledged_s: list[float] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)
    refused_s: float = 0.0

    @property
    def mine(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def move_in(self, name: str) -> None:
        body = {"username": name, "password": PASSWORD}
        for path in ("/auth/register", "/auth/login"):
            async with self.http.post(path, json=body) as answer:
                assert answer.status in (200, 201), await answer.text()
                self.token = (await answer.json()).get("access_token", "")

    async def write_for_ever(self) -> None:
        while True:
            if len(self.there) < ALERTS_EACH:
                await self._add(next(self.numbers))
            else:
                await self._take_away(*self.there.popitem())

    async def _add(self, level: int) -> None:
        alert = PLACE | {"symbol": "BTC/USD", "kind": "cross_above", "level": str(10**9 + level)}
        self.unknown.add(level)
        status, body = await asked(self.http, "POST", "/api/v1/alerts", json=alert, headers=self.mine)
        if status == 201:
            self.unknown.discard(level)
            self.there[level] = body["id"]
            self.acknowledged_s.append(time.monotonic())
        else:
            await self._wait(status)

    async def _take_away(self, level: int, alert_id: int) -> None:
        self.unknown.add(level)
        path = f"/api/v1/alerts/{alert_id}"
        status, _ = await asked(self.http, "DELETE", path, headers=self.mine)
        if status == 204:
            self.unknown.discard(level)
            self.gone.add(level)
            self.acknowledged_s.append(time.monotonic())
        else:
            await self._wait(status)

    async def _wait(self, status: int) -> None:
        self.refusals[status] += 1
        self.refused_s = time.monotonic()
        await asyncio.sleep(0.05)

    async def faults(self) -> list[str]:
        """Return what is not as it was acknowledged."""
        query = {"limit": "200"}
        status, body = 0, {}
        async with asyncio.timeout(PATIENCE_S):
            while status != 200:
                status, body = await asked(
                    self.http, "GET", "/api/v1/alerts", params=query, headers=self.mine
                )
        found = Counter(int(float(alert["level"])) - 10**9 for alert in body["alerts"])
        lost = self.there.keys() - found.keys()
        back = self.gone & found.keys()
        made_up = found.keys() - self.there.keys() - self.unknown
        twice = {level for level, count in found.items() if count > 1}
        named = {"lost": lost, "back again": back, "made up": made_up, "twice": twice}
        return [f"{name}: {sorted(levels)}" for name, levels in named.items() if levels]


async def asked(http: aiohttp.ClientSession, method: str, path: str, **more) -> tuple[int, dict]:
    """Return status and JSON of an answer; 0 where the connection broke."""
    try:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with http.request(method, path, timeout=timeout, **more) as answer:
            return answer.status, await answer.json(content_type=None) if answer.status != 204 else {}
    except (aiohttp.ClientError, OSError):
        return 0, {}


@dataclass
class Watch:
    """Ask one question again and again, and keep when it was answered, how, and how long that took."""

    http: aiohttp.ClientSession
    path: str
    more: dict = field(default_factory=dict)
    every_s: float = LIVE_EVERY_S
    answers: list[tuple[float, int, float]] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            began_s = time.monotonic()
            status, _ = await asked(self.http, "GET", self.path, **self.more)
            now_s = time.monotonic()
            self.answers.append((now_s, status, now_s - began_s))
            await asyncio.sleep(self.every_s)

    def statuses(self) -> Counter[int]:
        return Counter(status for _, status, _ in self.answers)

    @property
    def slowest_s(self) -> float:
        return max(elapsed_s for _, _, elapsed_s in self.answers)

    def next_after(self, moment_s: float, status: int) -> float | None:
        """Return after how many seconds the first answer of this status came."""
        return next(
            (at - moment_s for at, found, _ in self.answers if at >= moment_s and found == status), None
        )


async def during(watches: list[Watch], work: Awaitable[None]) -> None:
    """Watch while something goes on."""
    running = [asyncio.create_task(watch.run()) for watch in watches]
    try:
        await work
        # What is being waited for belongs to what went on.
        asked = [len(watch.answers) for watch in watches]
        await until(
            lambda: all(len(w.answers) > n for w, n in zip(watches, asked, strict=True)),
            PATIENCE_S,
            "answers",
        )
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for something that other tasks of this process bring about."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - counted by those who write, who tell nobody
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {timeout_s} s") from None


@dataclass(frozen=True, slots=True)
class Kill:
    """When PostgreSQL was killed, and when a write was acknowledged again."""

    killed_s: float
    again_s: float


async def kill_while_writing(tormentor: Tormentor, people: list[Person], kills: int) -> list[Kill]:
    """Kill PostgreSQL again and again under writes; return when, and when each was made good."""
    found: list[Kill] = []
    async with asyncio.TaskGroup() as group:
        writing = [group.create_task(p.write_for_ever()) for p in people for _ in range(WRITERS_EACH)]
        try:
            for _ in range(kills):
                written = sum(len(person.acknowledged_s) for person in people)
                await until(
                    lambda w=written: sum(len(p.acknowledged_s) for p in people) > w + 50, 30, "writes"
                )
                refused = sum(person.refusals[503] for person in people)
                os.kill(tormentor.postmaster(), signal.SIGKILL)
                killed_s = time.monotonic()
                # Some connections outlive the postmaster by a moment: first everybody has to feel the loss.
                await until(
                    lambda n=refused: sum(p.refusals[503] for p in people) >= n + len(writing),
                    30,
                    "refused writes",
                )
                again_s = time.monotonic()
                await until(
                    lambda s=again_s: any(p.acknowledged_s[-1] > s for p in people),
                    30,
                    "a write after the kill",
                )
                found.append(Kill(killed_s, max(p.acknowledged_s[-1] for p in people)))
        finally:
            for task in writing:
                task.cancel()
    return found


async def make_ready(http: aiohttp.ClientSession) -> None:
    """Ask for what is long over until its answer is kept: the first whole one changes the store itself."""
    whole = 0
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status, body = await asked(http, "GET", "/market/fetch_ohlcv", params=PAST)
            whole += status == 200 and not body["stale"]
            if whole == 2:
                return
            await asyncio.sleep(0.2)


def told(figures: list[float]) -> str:
    return f"median {statistics.median(figures):.2f} s, at most {max(figures):.2f} s"
