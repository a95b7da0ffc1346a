"""What those who ask for prices feel while others sign in, or hold connections that give nothing.

``python benchmarks/bystanders.py [--repeats 5] [--seconds 8] [--write]``

A bystander asks for the same 200 bars, steadily, and each answer is timed from the moment it should have been
asked for: a pause of the server is felt by everyone who came in it. The service has one core; everybody else
has the other. Connections come at 250 a second, and are then held. Each disturbance is measured between two
quiet stretches of the same repeat, and the ratio is taken to the mean of these two.
"""

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app_extensions.embedded import embedded_servers  # noqa: E402 - the product is found by its path
from app_extensions.migrations import migrate_blocking  # noqa: E402
from benchmarks.harness import free_port, server, table, write_section  # noqa: E402
from tests.attack.attackers import attackers  # noqa: E402

BARS = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=200"
PER_SECOND = 100
SIGNING_IN = 50
CONNECTIONS, COMING_PER_SECOND = 1_000, 250
ATTACK_TIMEOUT_S = 60.0
PASSWORD = "seven herons over a quiet weir"
SERVERS = ("hypercorn", "uvicorn")
KINDS = ("idle", "slow header", "slow body", "refused", "mute", "stalled")
ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=30)

Disturbance = Callable[[int], AbstractAsyncContextManager[None]]
addresses = (f"127.9.{number // 250 % 250}.{number % 250 + 1}" for number in itertools.count())


@asynccontextmanager
async def client(port: int) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a client at an address of its own."""
    connector = aiohttp.TCPConnector(local_addr=(next(addresses), 0))
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{port}", connector=connector, timeout=ANSWER_TIMEOUT
    ) as session:
        yield session


async def stand_by(port: int, seconds: float) -> list[float]:
    """Return how long each answer took in milliseconds, asked at a steady pace."""
    loop, found = asyncio.get_running_loop(), []

    async def ask(session: aiohttp.ClientSession, due_s: float) -> None:
        async with session.get(BARS) as answer:
            await answer.read()
            if answer.status != 200:
                raise SystemExit(f"A bystander was answered {answer.status}.")
        found.append((loop.time() - due_s) * 1_000)

    async with client(port) as session, asyncio.TaskGroup() as asking:
        began_s = loop.time()
        for number in range(int(PER_SECOND * seconds)):
            due_s = began_s + number / PER_SECOND
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            asking.create_task(ask(session, due_s))
    return found


@asynccontextmanager
async def sign_ins(port: int) -> AsyncIterator[None]:
    """Let fifty people sign in at once, each again as soon as the last time is over, or as told to wait."""
    done = [0]

    async def keep_signing_in(number: int) -> None:
        while True:
            async with client(port) as session:
                body = {"username": f"person{number}", "password": PASSWORD}
                async with session.post("/auth/login", json=body) as answer:
                    done[0] += answer.status == 200
                    wait_s = float(answer.headers.get("Retry-After", 0))
            await asyncio.sleep(wait_s)

    tasks = [asyncio.create_task(keep_signing_in(number)) for number in range(SIGNING_IN)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not done[0]:
        raise SystemExit("Nobody could sign in: nothing was measured.")


def attack(port: int, kind: str, over: Event) -> None:
    """Hold connections until it is over; in a process of its own, so that who measures is not held up."""
    with attackers(("127.0.0.1", port), kind, CONNECTIONS, per_second=COMING_PER_SECOND):
        over.wait(ATTACK_TIMEOUT_S)


def hold(kind: str) -> Disturbance:
    @asynccontextmanager
    async def held(port: int) -> AsyncIterator[None]:
        context = multiprocessing.get_context("forkserver")
        over = context.Event()
        process = context.Process(target=attack, args=(port, kind, over))
        process.start()
        try:
            yield
        finally:
            over.set()
            await asyncio.to_thread(process.join, ATTACK_TIMEOUT_S)
        if process.exitcode:
            raise SystemExit(f"The connections, {kind}, could not be held.")

    return held


async def register(port: int) -> None:
    for number in range(SIGNING_IN):
        async with client(port) as session:
            body = {"username": f"person{number}", "password": PASSWORD}
            async with session.post("/auth/register", json=body) as answer:
                if answer.status not in (201, 409):
                    raise SystemExit(f"No account could be made: {await answer.text()}")


def p99(took_ms: Sequence[float]) -> float:
    return statistics.quantiles(took_ms, n=100)[98]


async def disturbed(port: int, disturbance: Disturbance, seconds: float) -> tuple[float, float]:
    """Return the p99 in milliseconds of quiet bystanders, and of disturbed ones."""
    before = p99(await stand_by(port, seconds / 2))
    async with disturbance(port):
        during = p99(await stand_by(port, seconds))
    await settled(port)
    after = p99(await stand_by(port, seconds / 2))
    return (before + after) / 2, during


async def settled(port: int) -> None:
    """Wait until the service answers as fast as it does when nobody else is there."""
    deadline_s = time.monotonic() + 60
    while p99(await stand_by(port, 1.0)) > 20 and time.monotonic() < deadline_s:
        pass


async def measure(ports: dict[str, int], repeats: int, seconds: float) -> str:
    disturbances: dict[str, Disturbance] = {f"{SIGNING_IN} people signing in": sign_ins}
    disturbances |= {f"{CONNECTIONS:,} connections, {kind}": hold(kind) for kind in KINDS}
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for port in ports.values():
        await register(port)
        await stand_by(port, 2)
    for repeat in range(repeats):
        for what, disturbance in disturbances.items():
            # Whose connections are let go is the same on both; the one that is the default stands for them.
            for name, port in list(ports.items())[: None if disturbance is sign_ins else 1]:
                found.setdefault((what, name), []).append(await disturbed(port, disturbance, seconds))
        print(f"Repeat {repeat + 1} of {repeats} is done.", flush=True)
    rows = []
    for (what, name), pairs in found.items():
        ratios = [during / quiet for quiet, during in pairs]
        rows.append(
            [
                what,
                name,
                f"{statistics.median(quiet for quiet, _ in pairs):.1f}",
                f"{statistics.median(during for _, during in pairs):.1f}",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            ]
        )
    header = ["disturbance", "server", "p99 ms, quiet", "p99 ms, disturbed", "ratio, median (range)"]
    return f"{PER_SECOND} questions a second for 200 bars:\n\n" + table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = stack.enter_context(embedded_servers(scratch, postgres=True, valkey=True, durable=False))
        assert found.db_connection_string
        assert found.redis_url
        migrate_blocking(found.db_connection_string)
        ports = {}
        for name in SERVERS:
            ports[name] = free_port()
            environment = {
                "ENV": "development",
                "DB_CONNECTION_STRING": found.db_connection_string,
                "REDIS_URL": found.redis_url,
                "VAR_DIR": str(scratch),
                "SERVER": name,
                "PORT": str(ports[name]),
                "RATE_LIMIT_PER_MINUTE": "1000000",
                "REGISTRATION_OPEN": "true",
                "LOG_LEVEL": "WARNING",
            }
            url = f"http://127.0.0.1:{ports[name]}/live"
            stack.enter_context(server([sys.executable, "app.py"], environment, url))
        text = asyncio.run(measure(ports, arguments.repeats, arguments.seconds))
    print(text)
    if arguments.write:
        write_section("bystanders", text)


if __name__ == "__main__":
    main()
