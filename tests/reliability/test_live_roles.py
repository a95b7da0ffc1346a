"""Processes with one role each: a feed process is killed, and another goes on where it was."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from tests.embedded.processes import descendants
from tests.launcher.conftest import APP, Service

DEADLINE_S = 30
# A lease lives six seconds, and others look for it every second.
TAKEOVER_S = 10
PATH = "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s"


async def closes(client: aiohttp.ClientWebSocketResponse, count: int) -> list[int]:
    """Return the opens of the next bars that close, in the order of being told."""
    opens: list[int] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(opens) < count:
            message = json.loads((await client.receive()).data)
            if message["type"] == "bar" and message["bar"]["state"] == "closed":
                opens.append(message["bar"]["open_time_ms"])
    return opens


def kill(service: Service) -> None:
    for pid in [service.process.pid, *descendants(service.process.pid)]:
        os.kill(pid, signal.SIGKILL)


async def test_another_feed_process_takes_over_within_seconds_and_no_bar_is_missing(
    launch: Callable[..., Service], beside: dict[str, str], redis_url: str, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()

    async def start(role: str, number: int = 1) -> Service:
        home = str(tmp_path / f"{role}-{number}")
        return await loop.run_in_executor(None, lambda: launch(APP, ROLE=role, VAR_DIR=home, **beside))

    web, first = await start("web"), await start("feed")
    assert first.said.count("  http") == 1
    async with aiohttp.ClientSession(web.url) as session, session.ws_connect(PATH) as client:
        opens = await closes(client, 2)
        second = await start("feed", 2)
        opens += await closes(client, 2)
        kill(first)
        began_s = time.monotonic()
        while opens[-1] < time.time() * 1_000 - 3_000 or time.monotonic() - began_s < 3:
            opens += await closes(client, 1)
        took_s = time.monotonic() - began_s
        assert took_s < TAKEOVER_S
        assert opens == list(range(opens[0], opens[0] + 1_000 * len(opens), 1_000))
    for service in (web, second):
        assert await loop.run_in_executor(None, service.stop) == 0
