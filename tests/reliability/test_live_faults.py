"""The live stream under faults: kill -9 of workers and of Valkey, a Valkey that hangs, lines that are cut.

The real launcher with two workers and its own servers; clients that resume and check everything they hear.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from redis.asyncio import Redis

from app_extensions.embedded import running_addresses
from tests.embedded.processes import command_of, descendants
from tests.launcher.conftest import APP, Service
from tests.reliability.follower import Follower, Heard

log = logging.getLogger(__name__)

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD", "EUR/USD", "DOGE/USD", "PEPE/USDT")
CALM_S = 20
TAKEOVER_MAX_S = 15
# A lease that its holder renews never gets this near its end.
RENEWED_MS = 3_000
HANG_S = 3
REST_LIMIT = 5_000


@dataclass
class Scene:
    """A running service, its clients, and what was done to them."""

    service: Service
    redis: Redis
    http: aiohttp.ClientSession
    followers: list[Follower]
    takeovers_s: list[float] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def pids(self, program: str) -> list[int]:
        found = []
        for pid in sorted(descendants(self.service.process.pid)):
            with contextlib.suppress(OSError):
                command = command_of(pid)
                found += [pid] if program in command and not command.startswith("sh ") else []
        return found

    async def kill_worker(self, which: int) -> None:
        """Kill a worker; each holds the feeds of some topics, which the other must take over."""
        leases = [key async for key in self.redis.scan_iter("live:*:lease")]
        os.kill(self.pids("--worker")[which], signal.SIGKILL)
        began_s = asyncio.get_running_loop().time()
        elapsed_s = lost_s = 0.0
        while elapsed_s < RENEWED_MS / 1_000 + 1 or lost_s == elapsed_s:
            assert elapsed_s < TAKEOVER_MAX_S, "feeds were not taken over"
            await asyncio.sleep(0.1)
            elapsed_s = asyncio.get_running_loop().time() - began_s
            if any([await self.redis.pttl(key) < RENEWED_MS for key in leases]):
                lost_s = elapsed_s
        if lost_s:
            self.takeovers_s.append(round(lost_s, 1))

    async def hang_valkey(self) -> None:
        (pid,) = self.pids("valkey-server")
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(HANG_S)
        finally:
            os.kill(pid, signal.SIGCONT)

    async def kill_valkey(self) -> None:
        (pid,) = self.pids("valkey-server")
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(HANG_S)

    async def empty_valkey(self) -> None:
        """As a Valkey comes back that lost its disk: every log begins a new life."""
        await self.redis.flushall()
        await asyncio.sleep(HANG_S)

    async def cut_lines(self) -> None:
        for follower in self.followers[::2]:
            follower.cut()
        await asyncio.sleep(1)

    async def rest(self, heard: Heard, start_ms: int, end_ms: int) -> list[tuple]:
        query = {
            "market": "simulated",
            "exchange": "simex",
            "symbol": heard.symbol,
            "timeframe": heard.timeframe,
            "since": str(start_ms),
            "until": str(end_ms),
            "limit": str(REST_LIMIT),
        }
        async with self.http.get("/market/fetch_ohlcv", params=query) as answer:
            assert answer.status == 200, await answer.text()
            return [tuple(row) for row in (await answer.json())["ohlcv"]]


async def torment(scene: Scene, *, rounds: int, pause_s: float) -> None:
    faults = [
        ("cut lines", scene.cut_lines),
        ("kill -9 of a worker", lambda: scene.kill_worker(0)),
        ("hanging Valkey", scene.hang_valkey),
        ("kill -9 of the other worker", lambda: scene.kill_worker(-1)),
        ("kill -9 of Valkey", scene.kill_valkey),
        ("empty Valkey", scene.empty_valkey),
    ]
    for name, fault in faults * rounds:
        await fault()
        scene.done[name] += 1
        await asyncio.sleep(pause_s)


async def check_end(scene: Scene) -> None:
    """Wait until every client has seen bars that opened after the last fault, then compare with REST."""
    targets = {
        (follower.name, heard.name): heard.newest_ms + 2 * heard.length_ms
        for follower in scene.followers
        for heard in follower.topics.values()
    }
    for follower in scene.followers:
        for heard in follower.topics.values():
            due_ms = targets[follower.name, heard.name]
            calm_s = CALM_S + 2 * heard.length_ms / 1_000
            await follower.until(lambda h=heard, ms=due_ms: h.newest_ms >= ms, calm_s)
    for follower in scene.followers:
        for heard in follower.topics.values():
            # While REST is asked, the client hears on.
            finals, last_ms = dict(heard.finals), heard.newest_ms
            answer = await scene.rest(heard, min(finals), last_ms + heard.length_ms)
            compare(follower, heard, finals, {row[0]: row for row in answer})


def compare(follower: Follower, heard: Heard, finals: dict[int, tuple], rest: dict[int, tuple]) -> None:
    missing = rest.keys() - finals.keys()
    silent = {ms for ms in missing if not any(low <= ms < high for low, high in heard.told_holes)}
    follower.counts["bars filled by REST after a told break"] += len(missing - silent)
    if silent:
        follower.faults.append(f"{follower.name}: {heard.name}: silent gaps {sorted(silent)}")
    wrong = [ms for ms, row in finals.items() if rest.get(ms) != row]
    if wrong:
        shown = [(finals[ms], rest.get(ms)) for ms in wrong[:2]]
        follower.faults.append(f"{follower.name}: {heard.name}: differs from REST: {shown}")


async def stage(
    launch: Callable[..., Service],
    home: Path,
    *,
    followers: int,
    topics: list[tuple[str, str]],
    rounds: int,
    pause_s: float,
) -> Scene:
    service = launch(APP, WORKERS="2", RATE_LIMIT_PER_MINUTE="1000000", WS_MAX_PER_ADDRESS="10000")
    addresses = running_addresses(home / "var")
    assert addresses is not None
    each = max(2, len(topics) * 2 // 5)
    async with (
        aiohttp.ClientSession(service.url) as http,
        Redis.from_url(addresses.redis_url, socket_timeout=10) as redis,
        asyncio.TaskGroup() as group,
    ):
        clients = []
        for number in range(followers):
            chosen = [topics[(number * 3 + step) % len(topics)] for step in range(each)]
            clients.append(Follower(f"client {number}", http, chosen))
        scene = Scene(service, redis, http, clients)
        running = [group.create_task(client.run()) for client in clients]
        try:
            for client in clients:
                await client.until(lambda c=client: all(h.finals for h in c.topics.values()), CALM_S)
            await torment(scene, rounds=rounds, pause_s=pause_s)
            await check_end(scene)
        finally:
            for task in running:
                task.cancel()
            log.info("%s", figures_of(scene))
    assert service.stop() == 0
    return scene


def figures_of(scene: Scene) -> str:
    counts, codes = Counter(), Counter()
    for client in scene.followers:
        counts.update(client.counts)
        codes.update(client.codes)
    counts["final bars"] = sum(len(heard.finals) for c in scene.followers for heard in c.topics.values())
    return f"{dict(scene.done)}; takeovers {scene.takeovers_s} s; {dict(counts)}; closed with {dict(codes)}"


def faults_of(scene: Scene) -> str:
    every = [fault for client in scene.followers for fault in client.faults]
    return "\n".join([f"{len(every)} broken promises", *every[:20]])


async def test_no_fault_loses_doubles_or_reorders_a_bar_in_silence(
    launch: Callable[..., Service], tmp_path: Path
) -> None:
    topics = [(symbol, timeframe) for symbol in SYMBOLS[:3] for timeframe in ("1s", "5s")]
    scene = await stage(launch, tmp_path, followers=12, topics=topics, rounds=1, pause_s=1)
    assert not any(client.faults for client in scene.followers), faults_of(scene)
    assert scene.takeovers_s
    assert sum(client.counts["recovered"] for client in scene.followers)


@pytest.mark.long
async def test_ten_minutes_of_faults_break_no_promise_to_two_hundred_clients(
    launch: Callable[..., Service], tmp_path: Path
) -> None:
    topics = [(symbol, timeframe) for symbol in SYMBOLS for timeframe in ("1s", "5s", "15s")]
    scene = await stage(launch, tmp_path, followers=200, topics=topics, rounds=5, pause_s=16)
    assert not any(client.faults for client in scene.followers), faults_of(scene)
