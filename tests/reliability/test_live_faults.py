"""The live stream under faults: kill -9 of workers and of Valkey, either of them hung, lines that are cut.

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
from tests.embedded.processes import command_of, descendants, started_at
from tests.launcher.conftest import APP, Service
from tests.reliability.follower import Follower, Heard

log = logging.getLogger(__name__)

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD", "EUR/USD", "DOGE/USD", "PEPE/USDT")
TIMEFRAMES = ("1s", "5s", "15s", "1m", "5m", "15m", "30m", "1h", "4h")
CLIENTS, TOPICS = 200, 50
# Each kind of fault once; and one every twenty seconds for ten minutes.
FAULTS_SHORT = 7
FAULTS_LONG, EVERY_S = 30, 20
# Two hundred clients with five topics each take a while to come, on a machine that is busy with tests.
START_S = 90
CALM_S = 20
TAKEOVER_MAX_S = 15
# A lease that its holder renews never gets this near its end.
RENEWED_MS = 3_000
HANG_S = 3
# Longer than a lease lives: when the worker wakes, another feeds its topics.
WORKER_HANG_S = 8
LONGEST_AWAITED_MS = 15_000
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
        """Return the processes of a program, the oldest first: their numbers begin again now and then."""
        found = []
        for pid in sorted(descendants(self.service.process.pid), key=started_at):
            with contextlib.suppress(OSError):
                command = command_of(pid)
                found += [pid] if program in command and not command.startswith("sh ") else []
        return found

    async def kill_feeder(self) -> None:
        """Kill the worker that feeds most topics, which the other must take over."""
        leases = {key: await self.redis.get(key) async for key in self.redis.scan_iter("live:*:lease")}
        # A lease names who holds it: the machine, the process, and a secret.
        fed = Counter(int(token.decode().split(":")[-2]) for token in leases.values() if token)
        ((pid, _),) = fed.most_common(1)
        os.kill(pid, signal.SIGKILL)
        began_s = asyncio.get_running_loop().time()
        elapsed_s = lost_s = 0.0
        while elapsed_s < RENEWED_MS / 1_000 + 1 or lost_s == elapsed_s:
            assert elapsed_s < TAKEOVER_MAX_S, "feeds were not taken over"
            await asyncio.sleep(0.1)
            elapsed_s = asyncio.get_running_loop().time() - began_s
            if any([await self.redis.pttl(key) < RENEWED_MS for key in leases]):
                lost_s = elapsed_s
        self.takeovers_s.append(round(lost_s, 1))

    async def hang_valkey(self) -> None:
        (pid,) = self.pids("valkey-server")
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(HANG_S)
        finally:
            os.kill(pid, signal.SIGCONT)

    async def hang_worker(self) -> None:
        """Stop a worker in the middle of what it does; when it goes on, it holds no lease any more."""
        pid = self.pids("--worker")[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(WORKER_HANG_S)
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

    async def rest(self, heard: Heard) -> dict[int, tuple]:
        """Return the bars that have closed since the first one that the client knows, by open."""
        query = {
            "market": "simulated",
            "exchange": "simex",
            "symbol": heard.symbol,
            "timeframe": heard.timeframe,
            "since": str(min(heard.finals)),
            "limit": str(REST_LIMIT),
        }
        async with self.http.get("/market/fetch_ohlcv", params=query) as answer:
            assert answer.status == 200, await answer.text()
            body = await answer.json()
        rows = body["ohlcv"][:-1] if body["last_bar_state"] == "forming" else body["ohlcv"]
        return {row[0]: tuple(row) for row in rows}


async def torment(scene: Scene, *, count: int, every_s: float) -> None:
    """Do each fault in turn; the next begins this long after the last began, or a second after it ended."""
    faults = [
        ("cut lines", scene.cut_lines),
        ("kill -9 of a worker", scene.kill_feeder),
        ("hanging Valkey", scene.hang_valkey),
        ("hanging worker", scene.hang_worker),
        ("kill -9 of the other worker", scene.kill_feeder),
        ("kill -9 of Valkey", scene.kill_valkey),
        ("empty Valkey", scene.empty_valkey),
    ]
    loop = asyncio.get_running_loop()
    for number in range(count):
        began_s = loop.time()
        name, fault = faults[number % len(faults)]
        log.info("fault %d: %s", number + 1, name)
        await fault()
        scene.done[name] += 1
        await asyncio.sleep(max(1.0, began_s + every_s - loop.time()))


async def check_end(scene: Scene) -> None:
    """Wait until every client has seen bars that opened after the last fault, then compare with REST."""
    pairs = [(follower, heard) for follower in scene.followers for heard in follower.topics.values()]
    short = [pair for pair in pairs if pair[1].length_ms <= LONGEST_AWAITED_MS]
    due_ms = [heard.newest_ms + 2 * heard.length_ms for _, heard in short]
    for (follower, heard), ms in zip(short, due_ms, strict=True):
        calm_s = CALM_S + 2 * heard.length_ms / 1_000
        await follower.until(lambda h=heard, ms=ms: h.newest_ms >= ms, calm_s)
    for follower, heard in pairs:
        answer = await scene.rest(heard)
        # What REST has, the client must have, or get at once; what it hears meanwhile, REST had not yet.
        newest_ms = max(answer)
        await follower.until(lambda h=heard, ms=newest_ms: h.newest_ms >= ms, CALM_S)
        finals = {ms: row for ms, row in heard.finals.items() if ms <= newest_ms}
        compare(follower, heard, finals, answer)


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
    each: int,
    count: int,
    every_s: float,
) -> Scene:
    service = launch(APP, WORKERS="2", RATE_LIMIT_PER_MINUTE="1000000", WS_MAX_PER_ADDRESS="10000")
    addresses = running_addresses(home / "var")
    assert addresses is not None
    async with (
        # A connector holds a hundred connections unless told otherwise.
        aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=0)) as http,
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
                await client.until(lambda c=client: all(h.finals for h in c.topics.values()), START_S)
            await torment(scene, count=count, every_s=every_s)
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
    scene = await stage(launch, tmp_path, followers=12, topics=topics, each=2, count=FAULTS_SHORT, every_s=0)
    assert not any(client.faults for client in scene.followers), faults_of(scene)
    assert len(scene.takeovers_s) == 2
    assert min(scene.takeovers_s) > 0
    assert sum(client.counts["recovered"] for client in scene.followers)


@pytest.mark.long
async def test_ten_minutes_of_faults_break_no_promise_to_two_hundred_clients(
    launch: Callable[..., Service], tmp_path: Path
) -> None:
    topics = [(symbol, timeframe) for timeframe in TIMEFRAMES for symbol in SYMBOLS][:TOPICS]
    scene = await stage(
        launch, tmp_path, followers=CLIENTS, topics=topics, each=5, count=FAULTS_LONG, every_s=EVERY_S
    )
    assert not any(client.faults for client in scene.followers), faults_of(scene)
    assert scene.takeovers_s
