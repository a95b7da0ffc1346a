"""What disturbs those who only ask for prices; each in a process of its own, apart from who measures."""

import asyncio
import contextlib
import multiprocessing
import os
import sys
from collections.abc import AsyncIterator, Callable
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event

from benchmarks.harness import SERVER_CORE
from benchmarks.service import client
from services.hash_pool import LAST_NICENESS
from tests.attack.attackers import attackers

SIGNING_IN = 50
CONNECTIONS, COMING_PER_SECOND = 1_000, 250
KINDS = ("idle", "slow header", "slow body", "refused", "mute", "stalled")
LONGEST_S = 90.0
PASSWORD = "seven herons over a quiet weir"

context = multiprocessing.get_context("forkserver")


def credentials(number: int) -> dict[str, str]:
    return {"username": f"person{number}", "password": PASSWORD}


async def register(port: int) -> None:
    """Make an account for everybody who will sign in."""
    for number in range(SIGNING_IN):
        async with client(port) as http, http.post("/auth/register", json=credentials(number)) as answer:
            if answer.status not in (201, 409):
                raise SystemExit(f"No account could be made: {await answer.text()}")


@contextlib.asynccontextmanager
async def sign_ins(port: int) -> AsyncIterator[None]:
    """Let fifty people sign in at once, each again as soon as the last time is over, or as told to wait."""
    over = context.Event()
    process = context.Process(target=_people, args=(port, over))
    process.start()
    try:
        yield
    finally:
        over.set()
        await _ended(process, "Nobody could sign in")


def _people(port: int, over: Event) -> None:
    os.nice(LAST_NICENESS)
    asyncio.run(_sign_in_until(port, over))


async def _sign_in_until(port: int, over: Event) -> None:
    done = [0]
    tasks = [asyncio.create_task(_keep_signing_in(port, number, done)) for number in range(SIGNING_IN)]
    await asyncio.to_thread(over.wait, LONGEST_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if not done[0]:
        raise SystemExit("Nobody could sign in.")


async def _keep_signing_in(port: int, number: int, done: list[int]) -> None:
    while True:
        async with client(port) as http, http.post("/auth/login", json=credentials(number)) as answer:
            done[0] += answer.status == 200
            wait_s = float(answer.headers.get("Retry-After", 0))
        await asyncio.sleep(wait_s)


@contextlib.asynccontextmanager
async def hashing_elsewhere(_: int) -> AsyncIterator[None]:
    """Let another program hash on the core of the service, with the priority of the service's own hashing."""
    script = "import bcrypt\nsalt = bcrypt.gensalt(12)\nwhile True: bcrypt.hashpw(b'seven herons', salt)\n"
    command = ["taskset", "-c", SERVER_CORE, "nice", "-n", str(LAST_NICENESS), sys.executable, "-c", script]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def connections(port: int, kind: str) -> AsyncIterator[Callable[[], object]]:
    """Open connections that give nothing; what is yielded waits until all are there."""
    all_here, over = context.Event(), context.Event()
    process = context.Process(target=_attack, args=(port, kind, all_here, over))
    process.start()

    def wait() -> None:
        if not all_here.wait(LONGEST_S):
            raise SystemExit(f"The connections, {kind}, did not all come.")

    try:
        yield wait
    finally:
        over.set()
        await _ended(process, f"The connections, {kind}, could not be held")


def _attack(port: int, kind: str, all_here: Event, over: Event) -> None:
    with attackers(("127.0.0.1", port), kind, CONNECTIONS, per_second=COMING_PER_SECOND):
        all_here.set()
        over.wait(LONGEST_S)


async def _ended(process: ForkServerProcess, what_failed: str) -> None:
    await asyncio.to_thread(process.join, LONGEST_S)
    if process.exitcode:
        raise SystemExit(f"{what_failed}: nothing was measured.")
