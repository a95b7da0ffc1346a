"""A session over a real log, without a feed: what a client that comes back is given."""

from dataclasses import replace

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app_extensions.redis_manager import open_blocking_redis
from services.live import subscription
from services.live.feed_keeper import FeedKeeper
from services.live.hub import Hub
from services.live.lease import Leases
from services.live.log import LiveLog
from services.live.mailbox import MESSAGES_MAX
from services.live.messages import Snapshot, Subscribed, Unsubscribed, Update
from services.live.session import LiveParts, LiveSession
from services.live.snapshot import Snapshots
from utils.clock import Clock
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic
from utils.errors import Conflict, Unavailable

TOPIC = Topic(Instrument("crypto", "x", "A/USD"), Timeframe.parse("1m"))
BAR = Bar(60_000, 1.0, 1.0, 1.0, 1.0, 1.0, BarState.CLOSED)


@pytest.fixture
async def log(redis):
    return LiveLog(redis)


@pytest.fixture
async def token(redis):
    leases = Leases(redis)
    assert await leases.take(TOPIC)
    return leases.token


@pytest.fixture
async def parts(redis, redis_url, log):
    async def open_feed(topic, fed_until_ms):
        raise AssertionError("somebody else holds the topic")

    async def no_bars(topic, limit):
        return ()

    blocking = open_blocking_redis(redis_url, longest_wait_s=2)
    hub = Hub(log, redis, blocking, Clock())
    keeper = FeedKeeper(leases=Leases(redis), log_=log, clock=Clock(), open_feed=open_feed)
    yield LiveParts(hub, log, keeper, Snapshots(log, no_bars, Clock()), topics_max=1)
    await keeper.close()
    await hub.close()
    await blocking.aclose()


@pytest.fixture
async def session(parts):
    session = LiveSession(parts)
    yield session
    session.close()


async def test_more_missed_closes_than_a_mailbox_holds_are_all_replayed(session, log, token):
    start = await log.position(TOPIC)
    bars = [replace(BAR, open_time_ms=60_000 * (number + 1)) for number in range(MESSAGES_MAX * 2)]
    for bar in bars:
        await log.append(TOPIC, bar, token=token)
    await session.subscribe(TOPIC, start)
    first, *updates = await session.mailbox.take()
    assert isinstance(first, Subscribed)
    assert (first.topic, first.position, first.recovered) == (TOPIC, start, True)
    assert [update.entry.event for update in updates if isinstance(update, Update)] == bars


async def test_what_is_replayed_and_waits_is_bounded_over_all_topics(session, log, token, monkeypatch):
    monkeypatch.setattr(subscription, "REPLAYED_MAX", 50)
    start = await log.position(TOPIC)
    for number in range(30):
        position = await log.append(TOPIC, replace(BAR, open_time_ms=60_000 * (number + 1)), token=token)
    told = []
    for _ in range(2):
        for _ in range(2):
            await session.subscribe(TOPIC, start)
            session.unsubscribe(TOPIC.text)
        told.append(await session.mailbox.take())
    for first, *replayed, unsubscribed, second, snapshot, gone in told:
        assert (first.position, first.recovered) == (start, True)
        assert [update.entry.event.open_time_ms for update in replayed] == [
            60_000 * (number + 1) for number in range(30)
        ]
        # Once more would be too much: what the log vouches for is left to the history.
        assert (second.position, second.recovered) == (position, False)
        assert isinstance(snapshot, Snapshot)
        assert snapshot.bars[-1].open_time_ms == 30 * 60_000
        assert isinstance(unsubscribed, Unsubscribed)
        assert isinstance(gone, Unsubscribed)


async def test_forming_bars_that_were_missed_are_replayed_as_their_newest(session, log, token):
    start = await log.position(TOPIC)
    for volume in (1.0, 2.0, 3.0):
        await log.append(TOPIC, replace(BAR, state=BarState.FORMING, volume=volume), token=token)
    await session.subscribe(TOPIC, start)
    _, *updates = await session.mailbox.take()
    assert [update.entry.event.volume for update in updates] == [3.0]


async def test_without_a_position_the_newest_bars_are_shown(session, log, token):
    position = await log.append(TOPIC, BAR, token=token)
    await session.subscribe(TOPIC)
    subscribed, snapshot = await session.mailbox.take()
    assert isinstance(subscribed, Subscribed)
    assert (subscribed.position, subscribed.recovered) == (position, False)
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.position, snapshot.bars) == (position, (BAR,))


async def test_a_topic_more_than_a_connection_may_hold_is_refused(session, log, token):
    await session.subscribe(TOPIC)
    with pytest.raises(Conflict, match="1 topic"):
        await session.subscribe(replace(TOPIC, timeframe=Timeframe.parse("1h")))
    assert session.topics == (TOPIC,)


async def test_who_listens_to_what_is_counted(parts, session, monkeypatch):
    another = LiveSession(parts)
    for each in (session, another):
        await each.subscribe(TOPIC)
    assert parts.listening == {TOPIC: 2}
    with pytest.raises(Conflict):
        await another.subscribe(TOPIC)
    another.unsubscribe(TOPIC.text)
    assert parts.listening == {TOPIC: 1}

    async def fail(*_, **__):
        raise RedisConnectionError

    monkeypatch.setattr(parts.hub, "join", fail)
    with pytest.raises(Unavailable):
        await another.subscribe(TOPIC)
    assert parts.listening == {TOPIC: 1}
    session.close()
    assert dict(parts.listening) == {}
