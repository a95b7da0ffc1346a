"""A fault a minute, in turn: workers, Valkey and PostgreSQL killed and hung, a Valkey emptied, lines cut."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from tests.embedded.processes import command_of, descendants, started_at
from tests.launcher.conftest import Service
from tests.reliability.follower import Follower

HANG_S = 3
# Longer than a lease lives: when the worker wakes, another feeds its topics.
WORKER_HANG_S = 8
# Lives must be long enough to be judged: a worker is killed in one round of so many, and hung in the others.
KILL_EVERY_ROUNDS = 3
# Once, at this part of the way, the worker that has lived longest is killed.
OLDEST_AT = 0.6
KILL_WORKER, HANG_WORKER = "kill -9 of a worker", "hanging worker"
KILL_POSTGRESQL, HANG_POSTGRESQL = "kill -9 of PostgreSQL", "hanging PostgreSQL"
# While these go on, and for the seconds of their recovery, a 503 with Retry-After is the right answer.
OF_THE_DATABASE = {KILL_POSTGRESQL, HANG_POSTGRESQL}
# What is asked of a worker that is killed breaks off.
OF_WORKERS = {KILL_WORKER}


@dataclass
class Tormentor:
    """Does harm to a service that runs on its own embedded servers, below this directory."""

    service: Service
    home: Path
    redis: Redis
    followers: list[Follower]
    oldest_killed: bool = False

    def pids(self, program: str) -> list[int]:
        """Return the processes of a program, the oldest first."""
        found = []
        for pid in sorted(descendants(self.service.process.pid), key=started_at):
            with contextlib.suppress(OSError):
                command = command_of(pid)
                found += [pid] if program in command and not command.startswith("sh ") else []
        return found

    def rota(self, number: int) -> tuple[str, Callable[[float], Awaitable[None]]]:
        """Return the fault that is due, by its number in the run; it is told how far the run has come."""
        others = [
            (HANG_WORKER, self.hang_worker),
            ("kill -9 of Valkey", self.kill_valkey),
            ("hanging Valkey", self.hang_valkey),
            ("empty Valkey", self.empty_valkey),
            (KILL_POSTGRESQL, self.kill_postgresql),
            (HANG_POSTGRESQL, self.hang_postgresql),
            ("cut lines", self.cut_lines),
        ]
        turn, place = divmod(number, len(others) + 1)
        if place:
            return others[place - 1]
        return others[0] if turn % KILL_EVERY_ROUNDS else (KILL_WORKER, self.kill_worker)

    async def kill_worker(self, share: float) -> None:
        workers = self.pids("--worker")
        oldest = share >= OLDEST_AT and not self.oldest_killed
        self.oldest_killed = self.oldest_killed or oldest
        os.kill(workers[0] if oldest else workers[-1], signal.SIGKILL)
        await asyncio.sleep(HANG_S)

    async def hang_worker(self, _: float) -> None:
        await self.hang(self.pids("--worker")[-1:], WORKER_HANG_S)

    async def kill_valkey(self, _: float) -> None:
        (pid,) = self.pids("valkey-server")
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(HANG_S)

    async def hang_valkey(self, _: float) -> None:
        await self.hang(self.pids("valkey-server"), HANG_S)

    async def empty_valkey(self, _: float) -> None:
        await self.redis.flushall()
        await asyncio.sleep(HANG_S)

    async def kill_postgresql(self, _: float) -> None:
        os.kill(self.postmaster(), signal.SIGKILL)
        await asyncio.sleep(HANG_S)

    async def hang_postgresql(self, _: float) -> None:
        await self.hang_database(HANG_S)

    async def hang_database(self, seconds: float) -> None:
        postmaster = self.postmaster()
        await self.hang([postmaster, *descendants(postmaster)], seconds)

    async def cut_lines(self, _: float) -> None:
        for follower in self.followers[::2]:
            follower.cut()
        await asyncio.sleep(1)

    def postmaster(self) -> int:
        return int((self.home / "var/postgres/data/postmaster.pid").read_text().split()[0])

    async def hang(self, pids: list[int], seconds: float) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
