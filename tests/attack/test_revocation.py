"""What was ended is refused by every worker within a second, with Redis there, away, or back and empty."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from quart import Quart
from redis.asyncio import Redis

from app import create_app
from config import Config
from middleware.context import EXTENSION
from services import Services
from services.sessions import TokenPair
from utils.accounts import Caller, Principal, Role

PASSWORD = "a horse in a field of corn"
PUBLIC = "/market/get_exchanges?market=simulated"
NOBODY = Caller()
WITHIN_S = 1.0
TRIES = 200

Workers = tuple[Quart, Quart]


async def _nothing(_: Config) -> None:
    return


async def _emptied(config: Config) -> None:
    client = Redis.from_url(config.redis_url)
    await client.flushall()
    await client.aclose()


REDIS: dict[str, tuple[bool, Callable[[Config], Awaitable[None]]]] = {
    "up": (True, _nothing),
    "away": (False, _nothing),
    "back and empty": (True, _emptied),
}


@pytest.fixture(params=REDIS)
async def workers(
    request: pytest.FixtureRequest, config: Config, tmp_path: Path
) -> AsyncIterator[tuple[Workers, Callable[[], Awaitable[None]]]]:
    there, after = REDIS[request.param]
    settings = config if there else replace(config, redis_url=f"unix://{tmp_path}/nobody.sock")
    one, other = create_app(settings), create_app(settings)
    async with one.test_app(), other.test_app():
        yield (one, other), lambda: after(settings)


async def signed_in(house: Services, name: str) -> tuple[TokenPair, Principal]:
    async with house.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow("SELECT user_id FROM app_user WHERE username = $1", name)
        users = await house.user_admin.list_users(after_user_id=row["user_id"] - 1, limit=1)
        pair = await house.auth.sessions.open(connection, users[0], NOBODY)
    return pair, await house.auth.authenticate(pair.access_token)


async def test_an_ended_session_is_refused_everywhere_within_a_second(workers) -> None:
    (one, other), after = workers
    house: Services = one.extensions[EXTENSION]
    admin_user = await house.auth.create_user("root", PASSWORD, Role.ADMIN)
    await house.auth.create_user("ada", PASSWORD, Role.USER)
    _, root = await signed_in(house, "root")
    assert root.user_id == admin_user.user_id

    async def log_out(ada: Principal) -> None:
        await house.auth.end_session(ada, ada.session_id, NOBODY)

    async def end_all(ada: Principal) -> None:
        await house.auth.end_sessions(ada, NOBODY)

    async def disable(ada: Principal) -> None:
        await house.user_admin.set_disabled(root, ada.user_id, NOBODY, disabled=True)

    async def end_by_admin(ada: Principal) -> None:
        await house.user_admin.end_session(root, ada.session_id, NOBODY)

    for end in (log_out, end_all, end_by_admin, disable):
        pair, ada = await signed_in(house, "ada")
        headers = {"Authorization": f"Bearer {pair.access_token}"}
        clients = [one.test_client(), other.test_client()]
        for client in clients:
            assert (await client.get(PUBLIC, headers=headers)).status_code == 200
        await end(ada)
        ended_s = time.monotonic()
        await after()
        statuses = {
            (await client.get(PUBLIC, headers=headers)).status_code for client in clients for _ in range(3)
        }
        assert statuses == {401}, end.__name__
        assert time.monotonic() - ended_s < WITHIN_S
        replayed = await asyncio.gather(*(clients[n % 2].get(PUBLIC, headers=headers) for n in range(TRIES)))
        assert {response.status_code for response in replayed} == {401}
        refreshed = await clients[1].post("/auth/refresh", json={"token": pair.refresh_token})
        assert refreshed.status_code == 401


async def test_a_role_taken_away_counts_on_the_other_worker_at_once(workers) -> None:
    (one, other), after = workers
    house: Services = one.extensions[EXTENSION]
    await house.auth.create_user("root", PASSWORD, Role.ADMIN)
    await house.auth.create_user("second", PASSWORD, Role.ADMIN)
    _, root = await signed_in(house, "root")
    pair, second = await signed_in(house, "second")
    headers = {"Authorization": f"Bearer {pair.access_token}"}
    client = other.test_client()
    assert (await client.get("/api/v1/admin/users", headers=headers)).status_code == 200
    await house.user_admin.set_role(root, second.user_id, Role.USER, NOBODY)
    await after()
    assert (await client.get("/api/v1/admin/users", headers=headers)).status_code == 403
