import asyncio
import time
from dataclasses import replace

from services.live.hub import REST_S_PER_TOPIC, Listener
from services.live.lease import Leases
from services.live.log import FeedStatus, encode_event, stream_key
from tests.services.live.hub_house import BAR, DEADLINE_S, TOPICS, Ear, follow, hub, log, many_topics
from utils.domain import Bar

__all__ = ["hub", "log"]


async def test_every_listener_hears_every_entry_of_its_topic_and_no_other(hub, log):
    live_log, token = log
    first, second, other = Ear(TOPICS[0]), Ear(TOPICS[0]), Ear(TOPICS[1])
    for ear in (first, second, other):
        await hub.join(ear.listener)
    for revision in range(10):
        await live_log.append(TOPICS[0], replace(BAR, revision=revision), token=token)
    await live_log.append(TOPICS[1], BAR, token=token)
    for ear in (first, second):
        assert [(await ear.next()).event.revision for _ in range(10)] == list(range(10))
        assert ear.heard.empty()
    assert (await other.next()).topic == TOPICS[1]
    assert other.heard.empty()


async def test_nothing_falls_between_the_position_and_the_first_entry_heard(hub, log):
    live_log, token = log
    writing = asyncio.create_task(_write_many(live_log, token, 200))
    early = await live_log.position(TOPICS[0])
    ears = []
    for _ in range(5):
        ear = Ear(TOPICS[0])
        position = await hub.join(ear.listener)
        ears.append((ear, position))
        await asyncio.sleep(0)
    newest = await writing
    every = await live_log.read_between(TOPICS[0], early, newest)
    assert every is not None
    for ear, position in ears:
        missing = await live_log.read_between(TOPICS[0], position, newest)
        assert missing is not None
        heard = []
        while not heard or heard[-1].position != newest:
            heard.append(await ear.next())
        offsets = [entry.position.offset for entry in heard]
        assert set(offsets) >= {entry.position.offset for entry in missing}
        assert len(offsets) == len(set(offsets))


async def _write_many(live_log, token, count):
    position = None
    for revision in range(count):
        position = await live_log.append(TOPICS[0], replace(BAR, revision=revision), token=token)
    return position


async def test_who_has_left_hears_nothing_more_and_the_last_ends_the_topic(hub, log):
    live_log, token = log
    leaving, staying = Ear(TOPICS[0]), Ear(TOPICS[0])
    await hub.join(leaving.listener)
    await hub.join(staying.listener)
    hub.leave(leaving.listener)
    await live_log.append(TOPICS[0], BAR, token=token)
    await staying.next()
    assert leaving.heard.empty()
    hub.leave(staying.listener)
    assert hub.topics == ()


async def test_a_log_that_begins_anew_is_said_to_every_listener(hub, log, redis):
    live_log, token = log
    ear = Ear(TOPICS[0])
    await live_log.append(TOPICS[0], BAR, token=token)
    before = await hub.join(ear.listener)
    await redis.flushall()
    leases = Leases(redis)
    assert await leases.take(TOPICS[0])
    # Offsets are times: the new life's entries lie behind the old ones, so the reader goes on.
    after = await live_log.append(TOPICS[0], replace(BAR, revision=5), token=leases.token)
    assert after.epoch != before.epoch
    async with asyncio.timeout(DEADLINE_S):
        assert (await ear.broken.get()).epoch == after.epoch
    assert (await ear.next()).position == after


async def test_a_reader_cut_off_goes_on_where_it_was(hub, log, redis):
    live_log, token = log
    ear, _ = await follow(hub, log)
    for client in await redis.client_list():
        if client["cmd"].startswith("xread"):
            await redis.client_kill_filter(_id=client["id"])
    for revision in range(1, 6):
        await live_log.append(TOPICS[0], replace(BAR, revision=revision), token=token)
    assert [(await ear.next()).event.revision for _ in range(5)] == [1, 2, 3, 4, 5]
    assert ear.broken.empty()


async def test_that_a_feed_is_live_is_said_after_the_hole_it_filled(hub, redis):
    order: list[Bar | FeedStatus] = []
    said = asyncio.Event()
    listener = Listener(
        TOPICS[0],
        deliver=lambda updates: order.extend(update.entry.event for update in updates),
        broken=lambda _: None,
        told=lambda status: (order.append(status), said.set()),
    )
    position = await hub.join(listener)
    closes = [replace(BAR, open_time_ms=60_000 * number) for number in range(1, 4)]
    status = FeedStatus("live", 1, "Live.")
    # In one transaction, so that one reading brings them all.
    async with redis.pipeline() as pipeline:
        for event in (*closes, status):
            pipeline.xadd(stream_key(TOPICS[0]), {"e": position.epoch, "d": encode_event(event)})
        await pipeline.execute()
    async with asyncio.timeout(DEADLINE_S):
        await said.wait()
    assert order == [*closes, status]
    assert hub.status(TOPICS[0]) == status


async def test_a_reader_of_many_topics_gathers_news_between_two_reads(hub, log):
    live_log, token = log
    ears = [Ear(topic) for topic in (TOPICS[0], *many_topics(200))]
    for ear in ears:
        await hub.join(ear.listener)
    rest_s = REST_S_PER_TOPIC * len(ears)
    began_s = time.monotonic()
    for revision in range(10):
        await live_log.append(TOPICS[0], replace(BAR, revision=revision), token=token)
        assert (await ears[0].next()).event.revision == revision
    # Each entry but the first comes after a rest; without one, all of them come in less than half the time.
    assert time.monotonic() - began_s >= 9 * rest_s
    for ear in ears:
        hub.leave(ear.listener)
