"""What those who ask for prices feel while others sign in, or hold connections that give nothing.

``python benchmarks/bystanders.py [--repeats 5] [--seconds 20] [--write]``

A bystander asks for the same 200 bars, steadily, and each answer is timed from the moment it should have
been asked for: a pause of the server is felt by everyone who came in it. The service has one core;
everybody else has the other. Connections come at 250 a second, and are then held: both are measured. So is
a program that has nothing to do with the service and only hashes on its core, with the low priority that
hashing has in the service: what bystanders feel of it is the machine. Each disturbance is measured between
two quiet stretches of the same repeat, and the ratio is taken to the mean of these two.
"""

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app_extensions.embedded import embedded_servers  # noqa: E402 - the product is found by its path
from app_extensions.migrations import migrate_blocking  # noqa: E402
from benchmarks.harness import SERVER_CORE, free_port, server, table, write_section  # noqa: E402
from services.hash_pool import HASH_THREADS, NICENESS  # noqa: E402
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
# The p99 of a quiet bystander, and of a disturbed one, in milliseconds.
Pair = tuple[float, float]
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


async def keep_signing_in(port: int, number: int, done: list[int]) -> None:
    while True:
        async with client(port) as session:
            body = {"username": f"person{number}", "password": PASSWORD}
            async with session.post("/auth/login", json=body) as answer:
                done[0] += answer.status == 200
                wait_s = float(answer.headers.get("Retry-After", 0))
        await asyncio.sleep(wait_s)


async def sign_in_until(port: int, over: Event) -> None:
    done = [0]
    tasks = [asyncio.create_task(keep_signing_in(port, number, done)) for number in range(SIGNING_IN)]
    await asyncio.to_thread(over.wait, ATTACK_TIMEOUT_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if not done[0]:
        raise SystemExit("Nobody could sign in: nothing was measured.")


def people(port: int, over: Event) -> None:
    """Sign in until it is over; in a process of its own, which gives way to who measures."""
    os.nice(NICENESS)
    asyncio.run(sign_in_until(port, over))


@asynccontextmanager
async def sign_ins(port: int) -> AsyncIterator[None]:
    """Let fifty people sign in at once, each again as soon as the last time is over, or as told to wait."""
    context = multiprocessing.get_context("forkserver")
    over = context.Event()
    process = context.Process(target=people, args=(port, over))
    process.start()
    try:
        yield
    finally:
        over.set()
        await asyncio.to_thread(process.join, ATTACK_TIMEOUT_S)
    if process.exitcode:
        raise SystemExit("Signing in failed: nothing was measured.")


@asynccontextmanager
async def hashing_elsewhere(_: int) -> AsyncIterator[None]:
    """Let another program hash on the core of the service."""
    script = (
        "import bcrypt, threading\n"
        "salt = bcrypt.gensalt(12)\n"
        "def go_on():\n"
        "    while True: bcrypt.hashpw(b'seven herons', salt)\n"
        f"for _ in range({HASH_THREADS}): threading.Thread(target=go_on).start()\n"
    )
    command = ["taskset", "-c", SERVER_CORE, "nice", "-n", str(NICENESS), sys.executable, "-c", script]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


def attack(port: int, kind: str, all_here: Event, over: Event) -> None:
    """Hold connections until it is over; in a process of its own, so that who measures is not held up."""
    with attackers(("127.0.0.1", port), kind, CONNECTIONS, per_second=COMING_PER_SECOND):
        all_here.set()
        over.wait(ATTACK_TIMEOUT_S)


async def beside_connections(port: int, kind: str, seconds: float) -> tuple[float, float]:
    """Return the p99 in milliseconds while connections come, and while all are held."""
    context = multiprocessing.get_context("forkserver")
    all_here, over = context.Event(), context.Event()
    process = context.Process(target=attack, args=(port, kind, all_here, over))
    process.start()
    try:
        coming = p99(await stand_by(port, CONNECTIONS / COMING_PER_SECOND))
        if not await asyncio.to_thread(all_here.wait, ATTACK_TIMEOUT_S):
            raise SystemExit(f"The connections, {kind}, did not all come.")
        held = p99(await stand_by(port, seconds))
    finally:
        over.set()
        await asyncio.to_thread(process.join, ATTACK_TIMEOUT_S)
    if process.exitcode:
        raise SystemExit(f"The connections, {kind}, could not be held.")
    return coming, held


DISTURBANCES: dict[str, Disturbance] = {
    f"{SIGNING_IN} people signing in": sign_ins,
    "another program hashing": hashing_elsewhere,
}


async def register(port: int) -> None:
    for number in range(SIGNING_IN):
        async with client(port) as session:
            body = {"username": f"person{number}", "password": PASSWORD}
            async with session.post("/auth/register", json=body) as answer:
                if answer.status not in (201, 409):
                    raise SystemExit(f"No account could be made: {await answer.text()}")


def p99(took_ms: Sequence[float]) -> float:
    return statistics.quantiles(took_ms, n=100)[98]


async def between_quiet(port: int, seconds: float, felt: Awaitable[Sequence[float]]) -> list[Pair]:
    """Return each p99 of a disturbance in milliseconds, with that of the quiet before and after it."""
    before = p99(await stand_by(port, seconds / 2))
    disturbed = await felt
    await settled(port)
    after = p99(await stand_by(port, seconds / 2))
    return [((before + after) / 2, during) for during in disturbed]


async def beside(port: int, seconds: float, disturbance: Disturbance) -> list[float]:
    async with disturbance(port):
        return [p99(await stand_by(port, seconds))]


async def settled(port: int) -> None:
    """Wait until the service answers as fast as it does when nobody else is there."""
    deadline_s = time.monotonic() + 60
    while p99(await stand_by(port, 1.0)) > 20 and time.monotonic() < deadline_s:
        pass


def row(what: str, name: str, pairs: Sequence[Pair]) -> list[str]:
    ratios = [during / quiet for quiet, during in pairs]
    return [
        what,
        name,
        f"{statistics.median(quiet for quiet, _ in pairs):.1f}",
        f"{statistics.median(during for _, during in pairs):.1f}",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
    ]


async def measure(ports: dict[str, int], repeats: int, seconds: float) -> str:
    found: dict[tuple[str, str], list[Pair]] = {}
    for port in ports.values():
        await register(port)
        await stand_by(port, 2)
    for repeat in range(repeats):
        for name, port in ports.items():
            for what, disturbance in DISTURBANCES.items():
                (pair,) = await between_quiet(port, seconds, beside(port, seconds, disturbance))
                found.setdefault((what, name), []).append(pair)
            # Whose connections are let go is the same on both; the one that is the default stands for them.
            for kind in KINDS if name == SERVERS[0] else ():
                pairs = await between_quiet(port, seconds, beside_connections(port, kind, seconds))
                for when, pair in zip(("coming", "held"), pairs, strict=True):
                    found.setdefault((f"{CONNECTIONS:,} connections, {kind}, {when}", name), []).append(pair)
        print(f"Repeat {repeat + 1} of {repeats} is done.", flush=True)
    rows = [row(what, name, pairs) for (what, name), pairs in found.items()]
    header = ["disturbance", "server", "p99 ms, quiet", "p99 ms, disturbed", "ratio, median (range)"]
    return f"{PER_SECOND} questions a second for 200 bars:\n\n" + table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
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
