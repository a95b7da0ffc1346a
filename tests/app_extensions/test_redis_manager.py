"""More commands at once than there are connections: those of the live log wait for their turn."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from app_extensions import redis_manager
from app_extensions.redis_manager import CONNECTIONS_MAX, open_live_redis
from services.live.lease import Leases
from services.live.log import FeedStatus, LiveLog, lease_key
from utils.domain import Instrument, Timeframe, Topic

DEADLINE_S = 30
TOPICS = [
    Topic(Instrument("crypto", "x", f"C{number}/USD"), Timeframe.parse("1m"))
    for number in range(CONNECTIONS_MAX * 20)
]


async def test_a_thousand_topics_are_taken_fed_and_given_back_at_once(redis: Redis, redis_url: str) -> None:
    live = open_live_redis(redis_url)
    leases, log = Leases(live), LiveLog(live)
    status = FeedStatus("live", 1, "Live.")
    async with asyncio.timeout(DEADLINE_S):
        assert all(await asyncio.gather(*(leases.take(topic) for topic in TOPICS)))
        await asyncio.gather(*(log.append(topic, status, token=leases.token) for topic in TOPICS))
        opened = sum(count for count, _ in live.connection_pool.get_connection_count())
        await asyncio.gather(*(leases.release(topic) for topic in TOPICS))
    assert opened == CONNECTIONS_MAX
    assert not await redis.exists(*(lease_key(topic) for topic in TOPICS))
    await live.aclose()


async def test_who_waits_for_a_connection_does_so_no_longer_than_for_an_answer(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_manager, "CONNECTIONS_MAX", 1)
    monkeypatch.setattr(redis_manager, "LIVE_COMMAND_TIMEOUT_S", 0.05)
    live = open_live_redis(redis_url)
    async with live.client() as holder, asyncio.timeout(DEADLINE_S):
        await holder.ping()
        with pytest.raises(RedisConnectionError, match="No connection available"):
            await live.ping()
    await live.aclose()
