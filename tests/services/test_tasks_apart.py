"""What goes on after the request that began it belongs to none."""

import asyncio
from typing import Any
from uuid import uuid4

from structlog.contextvars import bound_contextvars, get_contextvars

from app_extensions.redis_manager import open_redis
from services.answer_cache import AnswerCache
from services.principal_watch import PrincipalWatch
from services.upstream.optional_redis import OptionalRedis
from tests.services.conftest import House
from utils.accounts import Principal, Role
from utils.clock import Clock

DEADLINE_S = 5
NOWHERE = "redis://127.0.0.1:1/0"


class Sleeper:
    """Note in whose name somebody waits, and let nobody go on."""

    def __init__(self) -> None:
        self.contexts: list[dict[str, Any]] = []
        self.came = asyncio.Event()

    async def sleep_s(self, _: float) -> None:
        self.contexts.append(get_contextvars())
        self.came.set()
        await asyncio.Event().wait()


async def test_a_change_told_later_is_told_in_nobodys_name() -> None:
    sleeper, redis = Sleeper(), open_redis(NOWHERE)
    clock = Clock(sleep_s=sleeper.sleep_s)
    cache = AnswerCache(OptionalRedis(redis, clock.steady_s), clock, bytes_max=1_000)
    with bound_contextvars(request_id="of-who-changed-it"):
        await cache.announce_names(["a topic"])
    async with asyncio.timeout(DEADLINE_S):
        await sleeper.came.wait()
    assert sleeper.contexts == [{}]
    await cache.close()
    await redis.aclose()


async def test_connections_are_watched_in_nobodys_name(house: House) -> None:
    sleeper = Sleeper()
    watch = PrincipalWatch(house.auth.sessions, Clock(sleep_s=sleeper.sleep_s))
    principal = Principal(1, "ada", Role.USER, uuid4())
    with bound_contextvars(request_id="of-who-came-first"), watch.watched(principal, lambda: None):
        async with asyncio.timeout(DEADLINE_S):
            await sleeper.came.wait()
    assert sleeper.contexts == [{}]
    await watch.close()
