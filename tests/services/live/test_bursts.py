"""More closes at once than a mailbox holds: a client that had no chance to read them is not a slow one."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from services.live.hub import Listener
from services.live.log import LiveLog, Position, encode_event, stream_key
from services.live.log_reader import ENTRIES_A_READ
from services.live.mailbox import MESSAGES_MAX, Mailbox
from services.live.messages import Snapshot, Update
from services.live.remote_feeds import RemoteFeeds
from services.live.session import LiveParts, LiveSession
from services.live.snapshot import Snapshots
from services.live.wishes import Wishes
from tests.services.live.hub_house import BAR, DEADLINE_S, TOPICS, Ear, hub, log, many_topics
from utils.clock import Clock
from utils.domain import Bar, Topic

__all__ = ["hub", "log"]


class SlowSnapshots(Snapshots):
    """Snapshots that come when they are let."""

    def __init__(self, log_: LiveLog) -> None:
        super().__init__(log_, _no_bars, Clock())
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def bars_at(self, topic: Topic, position: Position) -> tuple[Bar, ...]:
        self.asked.set()
        await self.let.wait()
        return await super().bars_at(topic, position)


async def _no_bars(topic: Topic, limit: int) -> tuple[Bar, ...]:
    return ()


async def test_closes_that_came_while_the_snapshot_was_fetched_are_all_told(hub, log, redis):
    live_log, token = log
    snapshots = SlowSnapshots(live_log)
    feeds = RemoteFeeds(Wishes(redis))
    session = LiveSession(LiveParts(hub, live_log, feeds, snapshots, topics_max=1))
    await live_log.append(TOPICS[0], BAR, token=token)
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        subscribing = group.create_task(session.subscribe(TOPICS[0]))
        await snapshots.asked.wait()
        witness = Ear(TOPICS[0])
        await hub.join(witness.listener)
        bars = [replace(BAR, revision=number) for number in range(1, MESSAGES_MAX + 100)]
        for bar in bars:
            await live_log.append(TOPICS[0], bar, token=token)
            await witness.next()
        snapshots.let.set()
        await subscribing
    _, snapshot, *updates = await session.mailbox.take()
    assert isinstance(snapshot, Snapshot)
    told = [update.entry.event for update in updates if isinstance(update, Update)]
    # Whoever listens beside it may have heard the very last one first.
    assert told in (bars, bars[:-1])
    session.close()
    await feeds.close()
    await snapshots.close()


async def test_one_read_of_many_topics_lets_a_client_read_between(hub, log, redis):
    topics = many_topics(6)
    mailbox: Mailbox[Update] = Mailbox()

    def post(updates: Sequence[Update]) -> None:
        for update in updates:
            mailbox.put(update)

    positions = {
        topic: await hub.join(Listener(topic, post, broken=lambda _: None, told=lambda _: None))
        for topic in topics
    }
    # In one transaction, so that one reading brings them all.
    async with redis.pipeline() as pipeline:
        for topic, position in positions.items():
            for number in range(ENTRIES_A_READ):
                bar = encode_event(replace(BAR, revision=number))
                pipeline.xadd(stream_key(topic), {"e": position.epoch, "d": bar})
        await pipeline.execute()
    read = 0
    async with asyncio.timeout(DEADLINE_S):
        while read < len(topics) * ENTRIES_A_READ:
            read += len(await mailbox.take())
