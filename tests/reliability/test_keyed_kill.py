"""A service that is killed while it does what a request with a key asks for: the request is done once.

What was seen is printed: run it with ``-s``.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
import asyncpg
import pytest

from tests.given_up import let_claims_grow_old
from tests.launcher.conftest import Service
from tests.reliability.conftest import ADA

ALERT = {"market": "simulated", "exchange": "simex", "symbol": "BTC/USD", "kind": "cross_above", "level": "1"}
DEADLINE_S = 30
KILLS_LONG = 20
# About how long it takes to make an alert.
SPREAD_S = 0.06
# What is told is told when the transaction has ended, and not before.
TELL = """
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('made', '');
    RETURN NEW;
END
$$;
CREATE TRIGGER tell AFTER INSERT ON price_alert FOR EACH ROW EXECUTE FUNCTION tell();
"""
# Answers are kept while nobody holds this lock.
LOCK = 25
HOLD = f"""
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({LOCK});
    RETURN NEW;
END
$$;
CREATE TRIGGER hold BEFORE UPDATE OF status ON idempotency_key FOR EACH ROW EXECUTE FUNCTION hold();
"""
HELD = f"FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND NOT granted"
# Else it would keep the answer of whoever is dead.
END_HELD = f"SELECT pg_terminate_backend(pid) {HELD}"
NO_MORE = "DROP FUNCTION tell CASCADE; DROP FUNCTION hold CASCADE"

KEEPING, MADE, ANY = "keeping", "made", "any"
RNG = random.Random(25)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a request ended; without a status nobody answered."""

    status: int = 0
    alert_id: int = 0
    replayed: bool = False


class Stage:
    """A service that is killed and started again, and somebody who asks it."""

    def __init__(self, start: Callable[[], Service], listener: asyncpg.Connection) -> None:
        self.made = asyncio.Event()
        self.listener = listener
        self._start = start
        self._service: Service | None = None
        self._token = ""

    async def begin(self) -> None:
        self._service = await asyncio.to_thread(self._start)

    async def sign_in(self) -> None:
        assert self._service is not None
        async with (
            aiohttp.ClientSession(self._service.url) as http,
            http.post("/auth/login", json=ADA) as answer,
        ):
            self._token = (await answer.json())["access_token"]

    async def ask(self, key: str) -> Asked:
        assert self._service is not None
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": key}
        try:
            async with (
                aiohttp.ClientSession(self._service.url, headers=headers) as http,
                http.post("/api/v1/alerts", json=ALERT) as answer,
            ):
                body = await answer.json(content_type=None)
                return Asked(answer.status, body.get("id", 0), "Idempotency-Replayed" in answer.headers)
        except (aiohttp.ClientError, OSError):
            return Asked()

    async def kill(self) -> None:
        assert self._service is not None
        await asyncio.to_thread(self._service.kill)


@pytest.fixture
async def stage(dsn: str, launch_for_ada: Callable[..., Service]) -> AsyncIterator[Stage]:
    listener = await asyncpg.connect(dsn)
    await listener.execute(TELL + HOLD)
    try:
        stage = Stage(launch_for_ada, listener)
        await listener.add_listener("made", lambda *_: stage.made.set())
        await stage.begin()
        await stage.sign_in()
        yield stage
        await stage.kill()
    finally:
        await listener.execute(NO_MORE)
        await listener.close()


async def come(stage: Stage, moment: str) -> None:
    """Wait for a moment of the request that goes on."""
    if moment == KEEPING:
        while not await stage.listener.fetchval(f"SELECT count(*) {HELD}"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    elif moment == MADE:
        await stage.made.wait()
    else:
        # Not to wait for anything: the moment of the kill is what is random.
        await asyncio.sleep(RNG.random() * SPREAD_S)


async def kill_and_ask_again(stage: Stage, pool: asyncpg.Pool, key: str, moment: str) -> Asked:
    stage.made.clear()
    if moment == KEEPING:
        await stage.listener.execute("SELECT pg_advisory_lock($1)", LOCK)
    asking = asyncio.create_task(stage.ask(key))
    async with asyncio.timeout(DEADLINE_S):
        await come(stage, moment)
    await stage.kill()
    await stage.listener.execute(END_HELD)
    await stage.listener.execute("SELECT pg_advisory_unlock_all()")
    first = await asking
    await stage.begin()
    await let_claims_grow_old(pool)
    again = await stage.ask(key)
    assert again.status == 201
    assert again.alert_id == (first.alert_id or again.alert_id)
    return again


async def assert_made_once(pool: asyncpg.Pool, asked: list[Asked]) -> None:
    rows = await pool.fetch("SELECT alert_id FROM price_alert ORDER BY alert_id")
    assert [row["alert_id"] for row in rows] == [each.alert_id for each in asked]


async def test_a_kill_when_the_answer_is_kept_leaves_one_alert(stage: Stage, pool: asyncpg.Pool) -> None:
    await assert_made_once(pool, [await kill_and_ask_again(stage, pool, "a-key-of-this-test", KEEPING)])


@pytest.mark.long
async def test_a_kill_at_any_moment_leaves_one_alert(stage: Stage, pool: asyncpg.Pool) -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    asked = []
    for number in range(KILLS_LONG):
        moment = (KEEPING, MADE, ANY, ANY)[number % 4]
        asked.append(await kill_and_ask_again(stage, pool, f"key-number-{number}", moment))
        seen[moment, asked[-1].replayed] += 1
    sys.stdout.write(f"moment of the kill, and whether it was done by then: {dict(seen)}\n")
    await assert_made_once(pool, asked)
