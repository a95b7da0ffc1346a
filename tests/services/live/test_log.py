from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.live import log as live_log
from services.live.lease import Leases
from services.live.log import (
    EMPTY_OFFSET,
    FeedStatus,
    LeaseLost,
    LiveLog,
    Position,
    decode_entry,
    encode_event,
    order_of,
    stream_key,
)
from utils.domain import Bar, BarSource, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "bitstamp", "BTC/USD"), Timeframe.parse("1m"))
BAR = Bar(1_700_000_040_000, 1.5, 2.5, 1.25, 2.0, 0.1, BarState.CLOSED, 0, BarSource.TRADES)

finite = st.floats(min_value=1e-12, max_value=1e12)


@pytest.fixture
async def token(redis: Redis) -> str:
    leases = Leases(redis)
    assert await leases.take(TOPIC)
    return leases.token


@given(
    st.integers(0, 2**52),
    st.tuples(finite, finite, finite, finite, finite),
    st.sampled_from(BarState),
    st.integers(0, 1000),
    st.sampled_from(BarSource),
)
def test_a_bar_is_read_from_the_log_as_it_was_written(open_ms, values, state, revision, source):
    bar = Bar(open_ms, *values, state, revision, source)
    entry = decode_entry(TOPIC, b"1-2", {b"e": b"7", b"d": encode_event(bar)})
    assert entry.event == bar
    assert entry.position == Position("7", "1-2")


def test_a_status_is_read_from_the_log_as_it_was_written():
    status = FeedStatus("stale", 12, "The feed was lost.")
    assert decode_entry(TOPIC, b"1-2", {b"e": b"7", b"d": encode_event(status)}).event == status


async def test_entries_come_back_in_the_order_of_writing(redis, token):
    log = LiveLog(redis)
    start = await log.position(TOPIC)
    bars = [replace(BAR, revision=number) for number in range(20)]
    positions = [await log.append(TOPIC, bar, token=token) for bar in bars]
    read = await log.read_between(TOPIC, start, positions[-1])
    assert read is not None
    assert [entry.event for entry in read] == bars
    assert [entry.position for entry in read] == positions
    assert positions == sorted(positions, key=lambda position: order_of(position.offset))


async def test_what_was_missed_is_exactly_what_came_after_the_position(redis, token):
    log = LiveLog(redis)
    positions = [await log.append(TOPIC, replace(BAR, revision=n), token=token) for n in range(5)]
    read = await log.read_between(TOPIC, positions[1], positions[3])
    assert read is not None
    assert [entry.position for entry in read] == positions[2:4]
    assert await log.read_between(TOPIC, positions[3], positions[3]) == ()


async def test_a_position_that_was_trimmed_away_is_not_recoverable(redis, token, monkeypatch):
    monkeypatch.setattr(live_log, "ENTRIES_KEPT", 3)
    log = LiveLog(redis)
    empty = await log.position(TOPIC)
    positions = [await log.append(TOPIC, replace(BAR, revision=n), token=token) for n in range(6)]
    assert empty.offset == EMPTY_OFFSET
    assert await log.read_between(TOPIC, empty, positions[-1]) is None
    assert await log.read_between(TOPIC, positions[1], positions[-1]) is None
    kept = await log.read_between(TOPIC, positions[3], positions[-1])
    assert kept is not None
    assert len(kept) == 2


async def test_a_position_of_another_life_of_the_log_is_not_recoverable(redis, token):
    log = LiveLog(redis)
    before = await log.append(TOPIC, BAR, token=token)
    await redis.flushall()
    leases = Leases(redis)
    assert await leases.take(TOPIC)
    after = await log.append(TOPIC, BAR, token=leases.token)
    assert after.epoch != before.epoch
    assert await log.read_between(TOPIC, before, after) is None


async def test_a_stream_without_its_epoch_begins_a_new_life(redis, token):
    log = LiveLog(redis)
    before = await log.append(TOPIC, BAR, token=token)
    await redis.delete(live_log.epoch_key(TOPIC))
    position = await log.position(TOPIC)
    assert position.epoch != before.epoch
    assert position.offset == EMPTY_OFFSET
    assert not await redis.exists(stream_key(TOPIC))


async def test_only_the_holder_of_the_lease_can_write(redis, token):
    log = LiveLog(redis)
    with pytest.raises(LeaseLost):
        await log.append(TOPIC, BAR, token="somebody else")
    assert await redis.xlen(stream_key(TOPIC)) == 0


async def test_a_lease_is_held_by_one_and_can_be_taken_after_release(redis):
    one, other = Leases(redis), Leases(redis)
    assert await one.take(TOPIC)
    assert not await other.take(TOPIC)
    assert await one.renew(TOPIC)
    assert not await other.renew(TOPIC)
    await other.release(TOPIC)
    assert not await other.take(TOPIC)
    await one.release(TOPIC)
    assert await other.take(TOPIC)
    assert not await one.renew(TOPIC)


async def test_a_log_never_outgrows_its_bound(redis, token, monkeypatch):
    monkeypatch.setattr(live_log, "ENTRIES_KEPT", 10)
    log = LiveLog(redis)
    for number in range(50):
        await log.append(TOPIC, replace(BAR, revision=number), token=token)
    assert await redis.xlen(stream_key(TOPIC)) == 10
    assert 0 < await redis.pttl(stream_key(TOPIC)) <= live_log.KEPT_MS
