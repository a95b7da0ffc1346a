"""Ready answers in a Redis that comes back with what it held before a change, or with nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_redis
from services.answer_changes import STREAM
from services.answers import AnswerKey
from tests.own_valkey import Valkey
from tests.services.test_answer_cache import OTHER, TOPIC, Source, Workers, text


@pytest.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    """A Valkey that keeps what it is told to, and nothing else."""
    valkey = Valkey(tmp_path, durable=False)
    await valkey.start()
    yield valkey
    await valkey.kill()


@pytest.fixture
async def workers(valkey: Valkey) -> AsyncIterator[Workers]:
    made = Workers(open_redis(valkey.url))
    yield made
    for cache in made.opened:
        await cache.close()
    await made.redis.aclose()


@pytest.mark.parametrize("asks_meanwhile", [False, True])
async def test_an_answer_of_before_a_change_is_not_believed_when_redis_comes_back_with_it(
    valkey: Valkey, workers: Workers, *, asks_meanwhile: bool
) -> None:
    here, there, source, other = workers.open(), workers.open(), Source(), Source()
    assert await text(here, source) == "1"
    await text(there, other, AnswerKey(OTHER.text, "something else"))
    await workers.redis.save()
    await here.announce([TOPIC])
    assert await text(here, source) == "2"
    await valkey.kill()
    if asks_meanwhile:
        workers.time.now_s += 1
        await text(there, other, AnswerKey(OTHER.text, "something else"))
    await valkey.start()
    workers.time.now_s += 2
    # Redis has the first answer again, under the version of then.
    assert [await text(cache, source) for cache in (there, workers.open(), here)] == ["3", "3", "3"]


async def test_that_redis_came_back_is_told_once(valkey: Valkey, workers: Workers) -> None:
    first, second, source = workers.open(), workers.open(), Source()
    for _ in range(3):
        for cache in (first, second):
            await text(cache, source)
        workers.time.now_s += 1
    assert await workers.redis.xlen(STREAM) == 1
    assert source.made == 1
    await workers.redis.save()
    await valkey.kill()
    await valkey.start()
    for _ in range(3):
        workers.time.now_s += 1
        for cache in (first, second):
            await text(cache, source)
    assert await workers.redis.xlen(STREAM) == 2
    assert source.made == 2


async def test_an_emptied_redis_is_one_whose_answers_are_made_anew(workers: Workers) -> None:
    cache, source = workers.open(), Source()
    await text(cache, source)
    await workers.redis.flushall()
    workers.time.now_s += 1
    assert await text(cache, source) == "2"
    assert await text(workers.open(), source) == "2"


async def test_who_may_not_ask_which_run_it_is_shares_answers_all_the_same(
    valkey: Valkey, workers: Workers
) -> None:
    await workers.redis.acl_setuser("poor", enabled=True, nopass=True, keys="*", commands=["+@all", "-info"])
    poor = Redis.from_url(valkey.url, username="poor", password="any")
    source = Source()
    for cache in (workers.open(poor), workers.open(poor)):
        assert await text(cache, source) == "1"
        workers.time.now_s += 1
        assert await text(cache, source) == "1"
    await poor.aclose()
