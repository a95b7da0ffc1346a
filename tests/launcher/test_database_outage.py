"""A worker that dies while the database is away: the next one waits for it, and the service goes on."""

import asyncio
import os
import signal
from collections.abc import Callable

from app_extensions.db_pool import CONNECT_TIMEOUT_S
from app_extensions.worker import DATABASE_PATIENCE_S, START_TIMEOUT_S
from tests.databases import door, through
from tests.embedded.processes import wait_for
from tests.launcher.conftest import APP, Service
from tests.launcher.test_launcher import workers_of
from tests.relay import Relay


async def test_the_next_worker_waits_for_the_database_and_one_told_to_stop_does_not(
    launch: Callable[..., Service], beside: dict[str, str]
) -> None:
    dsn = beside["DB_CONNECTION_STRING"]

    def killed() -> None:
        service.turn_page()
        (worker,) = workers_of(service)
        os.kill(worker, signal.SIGKILL)
        wait_for(
            lambda: "the database is away" in service.complained, timeout_s=30, what="a worker that waits"
        )

    async with Relay(door(dsn)) as wire:
        away = beside | {"DB_CONNECTION_STRING": through(dsn, wire.port)}
        service = await asyncio.to_thread(launch, APP, **away)
        wire.cut()
        await asyncio.to_thread(killed)
        wire.heal()
        assert await asyncio.to_thread(service.get, "/health", 30)
        assert service.said.count("ended unexpectedly") == 1
        wire.cut()
        await asyncio.to_thread(killed)
        assert await asyncio.to_thread(service.stop) == 0
    assert "did not stop within" not in service.said


def test_a_worker_that_waits_dies_less_often_than_would_end_the_service() -> None:
    # What is loaded before and opened after takes a part of the time, too.
    assert DATABASE_PATIENCE_S + CONNECT_TIMEOUT_S + 10 < START_TIMEOUT_S
