"""What whoever comes first is told of a topic that was fed before, until the feed of now has said a word."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.live.feed import Feed
from services.live.feed_keeper import FeedKeeper
from services.live.lease import Leases
from services.live.log import FeedSeen, FeedStatus, LiveLog
from tests.services.live.hub_house import BAR, DEADLINE_S, TOPICS, Ear, hub_by
from utils.clock import Clock
from utils.domain import Topic

TOPIC = TOPICS[0]
LIVE = FeedStatus("live", 1, "Live prices.")
STALE = FeedStatus("stale", 2, "The live feed was lost. It is being opened again.")


class Opening:
    """A worker whose feed is being opened for as long as a test takes."""

    def __init__(self, redis: Redis) -> None:
        self.began = asyncio.Event()
        self.keeper = FeedKeeper(
            leases=Leases(redis), log_=LiveLog(redis), clock=Clock(), open_feed=self._open_feed, linger_s=0
        )

    async def _open_feed(self, _: Topic, __: int | None) -> Feed:
        self.began.set()
        await asyncio.Event().wait()
        raise AssertionError


@pytest.fixture
async def opening(redis: Redis) -> AsyncIterator[Opening]:
    opening = Opening(redis)
    yield opening
    await opening.keeper.close()


async def feed_once(redis: Redis, *said: FeedStatus) -> None:
    """Let a worker feed the topic, say this of its feed and stop."""
    leases, log = Leases(redis), LiveLog(redis)
    assert await leases.take(TOPIC)
    await log.append(TOPIC, BAR, token=leases.token)
    for status in said:
        await log.append(TOPIC, status, token=leases.token)
    await leases.release(TOPIC)


async def test_nobody_is_told_that_prices_are_live_because_they_were_so_yesterday(
    redis: Redis, redis_url: str, opening: Opening
) -> None:
    await feed_once(redis, LIVE)
    opening.keeper.want(TOPIC)
    async with asyncio.timeout(DEADLINE_S):
        await opening.began.wait()
    ear = Ear(TOPIC)
    async with hub_by(Clock(), LiveLog(redis), redis, redis_url) as hub:
        await hub.join(ear.listener)
        assert hub.status(TOPIC) is None
        assert ear.told.empty()


async def test_that_a_feed_was_lost_is_told_until_it_is_open_again(redis: Redis, opening: Opening) -> None:
    await feed_once(redis, LIVE, STALE)
    opening.keeper.want(TOPIC)
    async with asyncio.timeout(DEADLINE_S):
        await opening.began.wait()
    assert await LiveLog(redis).feed_of(TOPIC) == FeedSeen(held=True, status=STALE)


async def test_who_does_not_get_the_topic_leaves_what_its_holder_said(redis: Redis) -> None:
    holder, log = Leases(redis), LiveLog(redis)
    assert await holder.take(TOPIC)
    await log.append(TOPIC, LIVE, token=holder.token)
    for leases in (Leases(redis), holder):
        assert not await leases.take(TOPIC)
        assert await log.feed_of(TOPIC) == FeedSeen(held=True, status=LIVE)
