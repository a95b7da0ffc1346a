"""What goes on after the request that began it belongs to none."""

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import uuid4

import asyncpg
from redis.asyncio import Redis
from structlog.contextvars import bound_contextvars, get_contextvars

from app_extensions.redis_manager import open_blocking_redis, open_redis
from services.announcing.record import FiringRecord
from services.answer_cache import FRESH_S, PROOF_AGE_S, AnswerCache
from services.answers import Answer, AnswerKey, Lasting
from services.principal_watch import PrincipalWatch
from services.upstream.optional_redis import OptionalRedis
from tests.services.conftest import House
from utils.accounts import Principal, Role
from utils.clock import Clock
from utils.domain import Topic

DEADLINE_S = 5
NOWHERE = "redis://127.0.0.1:1/0"
KEY = AnswerKey("a topic", "all of it")


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


async def test_an_answer_is_made_in_the_name_of_who_asked_and_made_anew_in_nobodys(redis: Redis) -> None:
    now_s, contexts, made = 1_000.0, [], asyncio.Event()

    async def make() -> Answer:
        contexts.append(get_contextvars())
        made.set()
        return Answer(b"1", "text/plain", Lasting.MOVING, '"tag"', ())

    clock = Clock(steady_s=lambda: now_s)
    cache = AnswerCache(OptionalRedis(redis, clock.steady_s), clock, bytes_max=100_000)
    with bound_contextvars(request_id="of-who-asked"):
        await cache.answer(KEY, make)
        # The first look at what has changed, after which an answer may be used while it is made anew.
        now_s += PROOF_AGE_S + 0.05
        await cache.answer(KEY, make)
    made.clear()
    now_s += FRESH_S[Lasting.MOVING] + 0.1
    with bound_contextvars(request_id="of-who-came-later"):
        await cache.answer(KEY, make)
    async with asyncio.timeout(DEADLINE_S):
        await made.wait()
    *asked, anew = contexts
    assert anew == {}
    assert {each["request_id"] for each in asked} == {"of-who-asked"}
    await cache.close()


async def test_the_record_of_alerts_is_read_in_nobodys_name(
    pool: asyncpg.Pool, redis: Redis, redis_url: str
) -> None:
    contexts, read = [], asyncio.Event()

    async def learn(_: Collection[Topic]) -> None:
        contexts.append(get_contextvars())
        read.set()

    blocking = open_blocking_redis(redis_url, longest_wait_s=2)
    record = FiringRecord(pool, redis, blocking, learn)
    with bound_contextvars(request_id="of-who-came-first"):
        await record.join(1, lambda _: None)
    async with asyncio.timeout(DEADLINE_S):
        await read.wait()
    assert contexts == [{}]
    await record.close()
    await blocking.aclose()
