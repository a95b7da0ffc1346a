"""Redis is asked quickly, left alone when it fails, and what it missed is counted."""

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_redis
from services.upstream.optional_redis import REST_AFTER_FAILURE_S, OptionalRedis, RedisAway
from tests.relay import Relay
from tests.services.upstream.conftest import HandSteady


async def test_an_answer_is_passed_on(here: OptionalRedis, redis: Redis) -> None:
    await redis.set("a", 1)
    assert await here.ask(lambda: redis.get("a")) == b"1"
    assert await here.ask(lambda: redis.get("b")) is None
    assert here.missed == 0


async def test_a_hanging_redis_costs_one_of_many_a_moment_and_is_used_again_when_it_heals(
    redis_url: str, steady: HandSteady, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    async with Relay(Path(urlsplit(redis_url).path)) as relay:
        client = open_redis(f"redis://127.0.0.1:{relay.port}/0")
        optional = OptionalRedis(client, steady)
        assert await optional.ask(client.ping)
        relay.hang()
        began_s = loop.time()
        for _ in range(100):
            with pytest.raises(RedisAway):
                await optional.ask(client.ping)
        assert loop.time() - began_s < 1
        assert optional.missed == 100
        relay.heal()
        with pytest.raises(RedisAway):
            await optional.ask(client.ping)
        steady.now_s += REST_AFTER_FAILURE_S
        assert await optional.ask(client.ping)
        assert optional.missed == 101
        await client.aclose()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_it_is_logged_once_a_minute_that_redis_is_away(
    away: OptionalRedis, steady: HandSteady, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(90):
        with pytest.raises(RedisAway):
            await away.ask(away.redis.ping)
        steady.now_s += REST_AFTER_FAILURE_S
    assert [record.missed for record in caplog.records] == [1, 61]


async def test_a_cancellation_that_redis_swallows_is_heeded(here: OptionalRedis) -> None:
    async def swallowing() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "answer"
        return ""

    async def ask_then_work() -> None:
        await here.ask(swallowing)
        pytest.fail("the task ran on")

    task = asyncio.create_task(ask_then_work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
