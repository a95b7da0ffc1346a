"""A request waits for a database that hangs as long as it may, and work of our own as long as it needs."""

import asyncio
import time

import asyncpg
import pytest

from app_extensions import measured_pool
from app_extensions.measured_pool import make_pool
from services.single_flight import SingleFlight
from tests.databases import door, through
from tests.relay import Relay
from utils.waiting import somebody_waits

LONG = "SELECT pg_sleep(3)"
WORK_OF_A_SECOND = "SELECT 1 FROM pg_sleep(1)"


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_pool, "REQUEST_WAIT_MAX_S", 0.6)
    monkeypatch.setattr(measured_pool, "NEXT_WAIT_MAX_S", 0.1)
    monkeypatch.setattr(measured_pool, "REMEMBERED_S", 60.0)


@pytest.fixture(autouse=True)
async def connections_are_there(pool: asyncpg.Pool) -> None:
    """Connect beforehand: asyncpg leaves an error behind where it is interrupted while it connects."""
    held = [await pool.acquire() for _ in range(pool.get_max_size())]
    for connection in held:
        await pool.release(connection)


async def waited_in_vain_s(pool: asyncpg.Pool) -> float:
    began_s = time.monotonic()
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, TimeoutError)):
        async with pool.acquire(timeout=5) as connection, connection.transaction():
            await connection.execute(LONG)
    return time.monotonic() - began_s


async def test_a_request_waits_once_and_the_next_one_less(pool: asyncpg.Pool) -> None:
    with somebody_waits():
        assert 0.5 < await waited_in_vain_s(pool) < 2
        # What it asks after that is not even tried.
        with pytest.raises(TimeoutError):
            await pool.fetchval("SELECT 1")
    with somebody_waits():
        assert await waited_in_vain_s(pool) < 0.5
    with somebody_waits():
        assert await pool.fetchval("SELECT 1") == 1
    with somebody_waits():
        # The database answers: there is all the time again.
        assert await waited_in_vain_s(pool) > 0.5


async def test_a_request_without_a_connection_does_not_wait_for_one_longer(pool: asyncpg.Pool) -> None:
    held = [await pool.acquire() for _ in range(pool.get_max_size())]
    try:
        began_s = time.monotonic()
        with somebody_waits(), pytest.raises(TimeoutError):
            await pool.fetchval("SELECT 1")
        assert time.monotonic() - began_s < 2
    finally:
        for connection in held:
            await pool.release(connection)


async def ask_while_the_time_runs_out(pool: asyncpg.Pool, statement: str) -> None:
    async with pool.acquire() as connection:
        # When the loop goes on, the statement is mostly prepared and the time is over, both at once.
        asyncio.get_running_loop().call_soon(time.sleep, 0.8)
        await connection.fetchval(statement)


async def test_a_connection_cut_between_two_steps_of_its_driver_was_waited_for_in_vain(
    pool: asyncpg.Pool,
) -> None:
    for number in range(6):
        with somebody_waits(), pytest.raises(TimeoutError):
            await ask_while_the_time_runs_out(pool, f"SELECT {number} AS never_asked_before")
    assert await pool.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("leaves", ["answered", "gone"])
async def test_who_joins_what_a_request_began_and_left_does_not_wait_longer(
    pool: asyncpg.Pool, leaves: str
) -> None:
    flight: SingleFlight[None] = SingleFlight()
    with somebody_waits():
        first = asyncio.create_task(flight.run("key", lambda: pool.execute(LONG)))
        if leaves == "gone":
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.wait([first])
    await asyncio.sleep(0)
    began_s = time.monotonic()
    with somebody_waits(), pytest.raises(TimeoutError):
        await flight.run("key", lambda: pool.execute(LONG))
    assert time.monotonic() - began_s < 2
    await asyncio.wait([first])
    assert first.cancelled() or isinstance(first.exception(), TimeoutError)
    await flight.close()


async def test_work_of_our_own_takes_the_time_that_it_takes(pool: asyncpg.Pool) -> None:
    assert await pool.fetchval(WORK_OF_A_SECOND) == 1


async def test_what_a_request_leaves_behind_has_time_again(pool: asyncpg.Pool) -> None:
    with somebody_waits():
        acquiring = pool.acquire()
        connection = await acquiring.__aenter__()
    assert await connection.fetchval(WORK_OF_A_SECOND) == 1
    await acquiring.__aexit__(None, None, None)


async def test_who_leaves_a_database_that_hangs_leaves_no_error_behind(dsn: str) -> None:
    async with Relay(door(dsn)) as wire:
        pool = make_pool(through(dsn, wire.port), size_max=1)
        async with pool:
            asking = asyncio.create_task(ask_and_ask_again(pool, wire))
            await turns()
            asking.cancel()
            # It is giving its connection back now, which the database would have to answer.
            await turns()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            async with asyncio.timeout(5):
                while pool.get_size():  # noqa: ASYNC110 - asyncpg tells nobody
                    await asyncio.sleep(0.01)


async def test_a_question_is_one_question(dsn: str) -> None:
    asked: list[str] = []

    async def watch(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(lambda query: asked.append(query.query))

    async with make_pool(dsn, size_max=1, init=watch) as pool:
        asked.clear()
        assert await pool.fetchval("SELECT 1") == 1
        async with pool.acquire() as connection:
            await connection.execute("SELECT 2")
        assert asked == ["SELECT 1", "SELECT 2"]


async def test_a_transaction_that_is_left_open_is_rolled_back(dsn: str) -> None:
    async with make_pool(dsn, size_max=1) as pool:
        connection = await pool.acquire()
        left = connection.transaction()
        await left.__aenter__()
        await connection.execute("CREATE TABLE never_there (number integer)")
        await pool.release(connection)
        assert await pool.fetchval("SELECT to_regclass('never_there')") is None


async def ask_and_ask_again(pool: asyncpg.Pool, wire: Relay) -> None:
    async with pool.acquire(timeout=0.3) as connection:
        wire.hang()
        await connection.fetchval("SELECT 1")


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
