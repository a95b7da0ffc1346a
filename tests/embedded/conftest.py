"""A process that holds the servers, and ways to ask them."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import asyncpg
import pytest
import redis.asyncio

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60


@dataclass
class Holder:
    process: subprocess.Popen
    var_dir: Path

    @property
    def said(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def wait_ready(self) -> tuple[str, str]:
        """Return both addresses."""
        for line in self.said:
            if line.startswith("ready "):
                _, database, cache = line.split()
                return database, cache
        raise AssertionError(self.process.communicate(timeout=DEADLINE_S)[1])

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(DEADLINE_S) == 0

    def refusal(self) -> str:
        """Return the sentence it ends with."""
        _, complaint = self.process.communicate(timeout=DEADLINE_S)
        assert self.process.returncode == 1
        assert "Traceback" not in complaint
        return complaint.strip()


@pytest.fixture
def hold() -> Iterator[Callable[..., Holder]]:
    with contextlib.ExitStack() as stack:

        def start(
            var_dir: Path,
            *names: str,
            python: tuple[str, ...] = (sys.executable,),
            path: str | None = None,
            uid: int | None = None,
        ) -> Holder:
            process = stack.enter_context(
                subprocess.Popen(
                    [*python, str(Path(__file__).with_name("holder.py")), str(var_dir), *names],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env={"PATH": path or os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
                    | ({"PYTHONPATH": str(ROOT)} if "-S" in python else {}),
                    user=uid,
                    group=uid,
                )
            )
            # Whatever a failed test leaves: its guards end the servers.
            stack.callback(process.kill)
            return Holder(process, var_dir)

        yield start


def sql(address: str, *statements: str) -> object:
    """Run the statements and return the first value of the last."""

    async def run() -> object:
        connection = await asyncpg.connect(address, timeout=10)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def cache(address: str, *command: str) -> object:
    """Run the command and return its answer."""

    async def run() -> object:
        async with redis.asyncio.from_url(address, decode_responses=True) as client:
            return await client.execute_command(*command)

    return asyncio.run(run())
