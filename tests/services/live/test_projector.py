"""What the next holder of a topic learns from the log, on a real log and a real store."""

from dataclasses import replace

import pytest

from services.live import log as live_log
from services.live.broadcaster import BroadcastCounters
from services.live.lease import Leases
from services.live.log import LiveLog
from services.live.projector import Projector
from services.stores.series import upsert_series
from utils.domain import DAY_MS, Bar, BarSource, BarState, Instrument, Span, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "x", "A/USD"), Timeframe.parse("1d"))
OPEN_MS = 19_000 * DAY_MS
CLOSED = Bar(OPEN_MS, 1.0, 2.0, 0.5, 1.5, 10.0, BarState.CLOSED, 0, BarSource.TRADES)
FORMING = replace(CLOSED, open_time_ms=OPEN_MS + DAY_MS, state=BarState.FORMING)
YESTERDAY = Span(OPEN_MS, OPEN_MS + DAY_MS)


@pytest.fixture
async def hold(redis, pool):
    """Makes the projector of whoever holds the topic next."""
    log, leases = LiveLog(redis), Leases(redis)
    series = await upsert_series(pool, TOPIC.instrument, TOPIC.timeframe)
    assert await leases.take(TOPIC)

    async def make():
        counters = BroadcastCounters()
        projector = Projector(
            pool=pool, log=log, topic=TOPIC, series=series, token=leases.token, counters=counters
        )
        await projector.recall()
        return projector

    return make


async def form(projector, versions):
    for number in range(versions):
        await projector.write_forming(replace(FORMING, volume=number + 1.0))


async def test_a_close_behind_a_thousand_forming_versions_is_not_said_again(hold, redis):
    before = await hold()
    await before.write_final(CLOSED, known=True)
    await form(before, 1_100)
    after = await hold()
    assert after.has_final(OPEN_MS)
    assert after.newest_final_ms == OPEN_MS
    entries = await redis.xlen(live_log.stream_key(TOPIC))
    await after.write_stored(YESTERDAY)
    assert await redis.xlen(live_log.stream_key(TOPIC)) == entries


async def test_a_close_that_was_trimmed_from_the_log_is_not_said_again(hold, redis, monkeypatch):
    monkeypatch.setattr(live_log, "ENTRIES_KEPT", 5)
    before = await hold()
    await before.write_final(CLOSED, known=True)
    await form(before, 20)
    after = await hold()
    newest = await redis.xrevrange(live_log.stream_key(TOPIC), count=1)
    await after.write_stored(YESTERDAY)
    assert await redis.xrevrange(live_log.stream_key(TOPIC), count=1) == newest


async def test_a_correction_is_remembered_as_the_newest_word(hold, redis):
    before = await hold()
    await before.write_final(CLOSED, known=True)
    corrected = replace(CLOSED, high=3.0, source=BarSource.EXCHANGE)
    await before.write_final(corrected, known=True)
    await form(before, 1_100)
    entries = await redis.xlen(live_log.stream_key(TOPIC))
    await (await hold()).write_stored(YESTERDAY)
    assert await redis.xlen(live_log.stream_key(TOPIC)) == entries


async def test_what_closed_while_nobody_held_the_topic_is_still_said(hold, redis):
    before = await hold()
    await form(before, 3)
    after = await hold()
    await after.write_final(replace(FORMING, volume=9.0), known=True)
    assert after.newest_final_ms == FORMING.open_time_ms
    assert after.oldest_logged_ms == FORMING.open_time_ms


async def test_a_log_that_begins_anew_remembers_no_close_of_its_earlier_life(hold, redis):
    before = await hold()
    await before.write_final(CLOSED, known=True)
    await redis.delete(live_log.epoch_key(TOPIC))
    after = await hold()
    await after.write_forming(FORMING)
    assert not (await hold()).has_final(OPEN_MS)
