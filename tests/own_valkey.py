"""A Valkey that a test may kill, or start from what it held earlier."""

import asyncio
import contextlib
import signal
from pathlib import Path

from app_extensions.embedded_process import Standing
from app_extensions.embedded_valkey import valkey_address, valkey_server

DEADLINE_S = 40


class Valkey:
    """A Valkey of the test's own, that it may kill."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._home = home
        self._server = valkey_server(home, home, durable=durable)
        self._process: asyncio.subprocess.Process | None = None
        self.url = valkey_address(home)

    async def start(self) -> None:
        command = self._server.program.command
        self._process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(DEADLINE_S):
            while self._server.ask() is not Standing.READY:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    def forget_everything(self) -> None:
        for path in [*self._home.glob("*.rdb"), *self._home.glob("appendonlydir/*")]:
            path.unlink()
