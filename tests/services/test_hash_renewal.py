"""A hash that is made again while others sign in, and attempts of which nobody could judge."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from services import hash_pool
from services.passwords import PasswordHasher
from services.stores.losses import DATABASE_AWAY
from tests.services.conftest import PASSWORD, SETTINGS, House
from utils.accounts import Caller, Principal
from utils.errors import Unauthorized, Unavailable

OTHER_PASSWORD = "another sentence of mine"
HERE = Caller("192.0.2.1")
DEADLINE_S = 20
NEW_COST = 5
# Takes a second or so.
SLOW_COST = 14
WAITING = """
    SELECT pid, pg_sleep(0.002) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def set_cost(house: House, cost: int) -> None:
    house.auth.close()
    house.auth = house.restarted(replace(SETTINGS, bcrypt_cost=cost))


@asynccontextmanager
async def held_user(house: House) -> AsyncIterator[asyncpg.Connection]:
    """Keep everybody from writing to the one user, so that they wait for each other."""
    async with house.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM app_user FOR UPDATE")
        yield holder


async def waiting(house: House, count: int) -> list[int]:
    """Return which connections wait for a lock, as soon as there are so many."""
    async with asyncio.timeout(DEADLINE_S):
        while len(rows := await house.pool.fetch(WAITING)) < count:
            pass
    return [row["pid"] for row in rows]


async def counted(house: House) -> float:
    return float(await house.pool.fetchval("SELECT coalesce(sum(attempts), 0) FROM sign_in_throttle"))


async def stored_hash(house: House) -> str:
    return str(await house.pool.fetchval("SELECT password_hash FROM app_user"))


async def test_whoever_signs_in_while_another_renews_the_hash_gets_in(house: House) -> None:
    set_cost(house, NEW_COST)
    async with held_user(house):
        signing_in = [
            asyncio.create_task(house.auth.sign_in("Ada", PASSWORD, Caller(f"192.0.2.{number}")))
            for number in range(2)
        ]
        await waiting(house, 2)
    pairs = await asyncio.gather(*signing_in)
    assert [await house.is_good(pair) for pair in pairs] == [True, True]
    assert await counted(house) == 0
    assert (await stored_hash(house)).startswith(f"v1$2b${NEW_COST:02d}$")


async def test_whoever_renews_the_hash_of_a_password_that_was_changed_does_not_get_in(house: House) -> None:
    set_cost(house, NEW_COST)
    changed = PasswordHasher(NEW_COST).hash(OTHER_PASSWORD)
    async with held_user(house) as holder:
        signing_in = asyncio.create_task(house.auth.sign_in("Ada", PASSWORD, HERE))
        await waiting(house, 1)
        await holder.execute("UPDATE app_user SET password_hash = $1", changed)
    with pytest.raises(Unauthorized) as caught:
        await signing_in
    assert caught.value.error_code == "invalid_credentials"
    assert await stored_hash(house) == changed
    assert await counted(house) == 2


async def sign_in(house: House, _: Principal) -> None:
    await house.auth.sign_in("Ada", PASSWORD, HERE)


async def change_password(house: House, ada: Principal) -> None:
    await house.auth.change_password(ada, PASSWORD, OTHER_PASSWORD, HERE)


Act = Callable[[House, Principal], Coroutine[None, None, None]]


@pytest.fixture
async def ada(house: House) -> Principal:
    return await house.auth.authenticate((await house.auth.sign_in("Ada", PASSWORD, HERE)).access_token)


@pytest.mark.parametrize(
    ("act", "cost"), [(sign_in, SETTINGS.bcrypt_cost), (sign_in, NEW_COST), (change_password, NEW_COST)]
)
async def test_an_attempt_that_lost_its_database_is_not_counted(
    house: House, ada: Principal, act: Act, cost: int
) -> None:
    set_cost(house, cost)
    async with held_user(house):
        acting = asyncio.create_task(act(house, ada))
        for pid in await waiting(house, 1):
            await house.pool.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(DATABASE_AWAY):
            await acting
    assert await counted(house) == 0


@pytest.mark.parametrize("act", [sign_in, change_password])
async def test_an_attempt_for_whose_new_hash_there_was_no_time_is_not_counted(
    house: House, ada: Principal, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_cost(house, SLOW_COST)
    monkeypatch.setattr(hash_pool, "HASH_TIMEOUT_S", 0.2)
    with pytest.raises(Unavailable, match="Try again"):
        await act(house, ada)
    assert await counted(house) == 0
