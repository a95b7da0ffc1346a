"""What those who ask for prices feel while others sign in, or hold connections that give nothing.

``python benchmarks/bystanders.py [--only people] [--repeats 5] [--seconds 20] [--write]``

A bystander asks for the same 200 bars, steadily, and each answer is timed from the moment it should have
been asked for: a pause of the server is felt by everyone who came in it. The service has one core;
everybody else has the other. Connections come at 250 a second, and are then held: both are measured. So is
a program that has nothing to do with the service and only hashes on its core, with the low priority that
hashing has in the service: what bystanders feel of it is the machine. Each disturbance is measured between
two quiet stretches of the same repeat, and the ratio is taken to the mean of these two.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.disturbances import (  # noqa: E402 - the product is found by its path
    COMING_PER_SECOND,
    CONNECTIONS,
    KINDS,
    SIGNING_IN,
    connections,
    hashing_elsewhere,
    register,
    sign_ins,
)
from benchmarks.harness import table, write_section  # noqa: E402
from benchmarks.service import client, services  # noqa: E402
from utils.scheduling import come_quickly  # noqa: E402

BARS = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=200"
PER_SECOND = 100
SERVERS = ("hypercorn", "uvicorn")
# So long a worker gets to load what the first questions need, and to leave it to the collector for good.
SETTLING_S = 65.0
PEOPLE, LET_GO = "people", "connections"

Disturbance = Callable[[int], AbstractAsyncContextManager[None]]
# The p99 of a quiet bystander, and of a disturbed one, in milliseconds.
Pair = tuple[float, float]
DISTURBANCES: dict[str, Disturbance] = {
    f"{SIGNING_IN} people signing in": sign_ins,
    "another program hashing": hashing_elsewhere,
}


async def stand_by(port: int, seconds: float) -> list[float]:
    """Return how long each answer took in milliseconds, asked at a steady pace."""
    loop, found = asyncio.get_running_loop(), []

    async def ask(http: aiohttp.ClientSession, due_s: float) -> None:
        async with http.get(BARS) as answer:
            await answer.read()
            if answer.status != 200:
                raise SystemExit(f"A bystander was answered {answer.status}.")
        found.append((loop.time() - due_s) * 1_000)

    async with client(port) as http, asyncio.TaskGroup() as asking:
        began_s = loop.time()
        for number in range(int(PER_SECOND * seconds)):
            due_s = began_s + number / PER_SECOND
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            asking.create_task(ask(http, due_s))
    return found


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


async def beside_connections(port: int, kind: str, seconds: float) -> list[float]:
    """Return the p99 in milliseconds while connections come, and while all are held."""
    async with connections(port, kind) as wait_for_all:
        coming = p99(await stand_by(port, CONNECTIONS / COMING_PER_SECOND))
        await asyncio.to_thread(wait_for_all)
        return [coming, p99(await stand_by(port, seconds))]


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


async def measure(ports: dict[str, int], repeats: int, seconds: float, only: str | None) -> str:
    found: dict[tuple[str, str], list[Pair]] = {}
    for port in ports.values():
        await register(port)
        await stand_by(port, 2)
    await asyncio.sleep(SETTLING_S)
    for repeat in range(repeats):
        for name, port in ports.items():
            for what, disturbance in DISTURBANCES.items() if only != LET_GO else ():
                (pair,) = await between_quiet(port, seconds, beside(port, seconds, disturbance))
                found.setdefault((what, name), []).append(pair)
            # Whose connections are let go is the same on both; the one that is the default stands for them.
            for kind in KINDS if name == SERVERS[0] and only != PEOPLE else ():
                pairs = await between_quiet(port, seconds, beside_connections(port, kind, seconds))
                for when, pair in zip(("coming", "held"), pairs, strict=True):
                    found.setdefault((f"{CONNECTIONS:,} connections, {kind}, {when}", name), []).append(pair)
        print(f"Repeat {repeat + 1} of {repeats} is done.", flush=True)
    rows = [row(what, name, pairs) for (what, name), pairs in found.items()]
    header = ["disturbance", "server", "p99 ms, quiet", "p99 ms, disturbed", "ratio, median (range)"]
    return f"{PER_SECOND} questions a second for 200 bars:\n\n" + table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=[PEOPLE, LET_GO], help="one half of it")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    arguments = parser.parse_args()
    # Whoever disturbs comes from this process, which is to have begun before the next step.
    ensure_running()
    with services(SERVERS) as running:
        # Whoever measures waits for nobody on its own core, where those who disturb and the database are too.
        come_quickly()
        text = asyncio.run(measure(running.ports, arguments.repeats, arguments.seconds, arguments.only))
    print(text)
    if arguments.write:
        write_section("bystanders", text)


if __name__ == "__main__":
    main()
