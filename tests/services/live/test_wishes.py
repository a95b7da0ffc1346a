"""Wishes in a real Valkey, and who follows them."""

import asyncio
from collections import Counter

import pytest

from services.live.remote_feeds import RemoteFeeds
from services.live.wish_follower import WishFollower
from services.live.wishes import WISHES_KEY, Wishes
from utils.domain import Instrument, Timeframe, Topic

DEADLINE_S = 5
SYMBOLS = ("A/USD", "B/USDT:USDT", "C/USD:BTC-261225")
TOPICS = [Topic(Instrument("crypto", "x", symbol), Timeframe.parse("1h")) for symbol in SYMBOLS]


class Wanted:
    """Feeds that count who wants them."""

    running = ()

    def __init__(self) -> None:
        self.listeners: Counter[Topic] = Counter()
        self._changed = asyncio.Condition()

    def want(self, topic: Topic) -> None:
        self.listeners[topic] += 1

    def unwant(self, topic: Topic) -> None:
        self.listeners[topic] -= 1

    async def close(self) -> None:
        """Nothing runs."""

    async def until(self, *topics: Topic) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while +self.listeners != Counter(topics):  # noqa: ASYNC110 - the follower tells nobody
                await asyncio.sleep(0.02)


@pytest.fixture
async def followed(redis):
    """What the feeds of a worker that follows wishes are asked for."""
    wanted = Wanted()
    follower = WishFollower(Wishes(redis), wanted)
    follower.start()
    yield wanted
    await follower.close()


async def test_what_is_wished_for_is_read_as_it_was_made(redis):
    wishes = Wishes(redis)
    await wishes.make(TOPICS[:2])
    await wishes.make(TOPICS[1:])
    assert await wishes.read() == set(TOPICS)


async def test_wishes_that_nobody_repeats_lapse(redis):
    wishes = Wishes(redis, term_ms=150)
    await wishes.make(TOPICS[:1])
    await Wishes(redis, term_ms=5_000).make(TOPICS[1:2])
    async with asyncio.timeout(DEADLINE_S):
        while await wishes.read() != {TOPICS[1]}:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.02)
    await wishes.make(TOPICS[2:])
    assert await redis.zcard(WISHES_KEY) == 2


async def test_more_wishes_than_allowed_do_not_push_out_those_that_are_held(redis):
    wishes = Wishes(redis, wishes_max=2)
    await wishes.make(TOPICS[:2])
    await wishes.make(TOPICS)
    assert await wishes.read() == set(TOPICS[:2])


async def test_a_worker_without_feeds_wishes_for_what_is_listened_to(redis, followed):
    feeds = RemoteFeeds(Wishes(redis, term_ms=1_000))
    feeds.want(TOPICS[0])
    await followed.until(TOPICS[0])
    feeds.want(TOPICS[1])
    feeds.want(TOPICS[1])
    feeds.unwant(TOPICS[1])
    await followed.until(*TOPICS[:2])
    feeds.unwant(TOPICS[1])
    # One lapses, and the other is repeated meanwhile.
    await followed.until(TOPICS[0])
    feeds.unwant(TOPICS[0])
    await followed.until()
    await feeds.close()


async def test_the_wishes_of_a_dead_worker_lapse_and_those_of_others_stay(redis, followed):
    dead, alive = (RemoteFeeds(Wishes(redis, term_ms=5_000 if long else 400)) for long in (False, True))
    dead.want(TOPICS[0])
    alive.want(TOPICS[2])
    await followed.until(TOPICS[0], TOPICS[2])
    await dead.close()
    await followed.until(TOPICS[2])
    await alive.close()
