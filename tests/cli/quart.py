"""The command ``quart``, run as people run it, in a process of its own; or here, where that adds nothing."""

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from quart import Quart

from app_extensions.cli import register_cli
from app_extensions.migrations import SQL_DIR

QUART = Path(sys.executable).with_name("quart")
DEADLINE_S = 60


@dataclass(frozen=True)
class Outcome:
    exit_code: int | None
    out: str
    err: str


@asynccontextmanager
async def started_quart(
    environment: dict[str, str], *arguments: str | Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the command, and kill what is left of it at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        QUART,
        *arguments,
        cwd=SQL_DIR.parent,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # Reads to the end as well: a pipe that is left open is a lost one.
        async with asyncio.timeout(DEADLINE_S):
            await process.communicate()


class Terminal:
    """Be the terminal of a command: type, and read what is shown."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = ""

    async def until(self, wanted: str) -> None:
        """Wait until this is shown by what comes from now on."""
        heard = ""
        async with asyncio.timeout(DEADLINE_S):
            while wanted not in heard:
                heard += (await asyncio.to_thread(os.read, self._descriptor, 4096)).decode()
        self.shown += heard

    def type(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode())


@asynccontextmanager
async def quart_at_terminal(
    environment: dict[str, str], *arguments: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Terminal]]:
    """Start the command at a terminal, and kill what is left of it at the end of the block."""
    descriptor, line = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        QUART,
        *arguments,
        cwd=SQL_DIR.parent,
        env=environment,
        stdin=line,
        stdout=line,
        stderr=line,
        start_new_session=True,
    )
    os.close(line)
    try:
        yield process, Terminal(descriptor)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(descriptor)


async def outcome_of(process: asyncio.subprocess.Process, typed: str = "") -> Outcome:
    """Wait for the end of the command and return what it said."""
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate(typed.encode())
    return Outcome(process.returncode, out.decode(), err.decode())


async def run_quart(environment: dict[str, str], *arguments: str | Path, typed: str = "") -> Outcome:
    async with started_quart(environment, *arguments) as process:
        return await outcome_of(process, typed)


async def run_here(environment: dict[str, str], *arguments: str | Path, typed: str = "") -> Outcome:
    """Run the command in this process: what is new in another one is its start, of more than a second."""
    app = Quart("commands")
    register_cli(app)
    call = asyncio.to_thread(
        CliRunner().invoke, app.cli, [str(each) for each in arguments], input=typed, env=environment
    )
    async with asyncio.timeout(DEADLINE_S):
        result = await call
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)
