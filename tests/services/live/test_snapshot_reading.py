"""The newest bars of a topic at a position: read once for however many join there."""

import asyncio
from dataclasses import replace

import pytest

from services.live.kept_briefly import KEPT_S, KeptBriefly
from services.live.lease import Leases
from services.live.log import LiveLog
from services.live.snapshot import OVERLAY_ENTRIES, SNAPSHOT_BARS, Snapshots
from utils.clock import Clock
from utils.domain import MINUTE_MS, Bar, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "x", "A/USD"), Timeframe.parse("1m"))
BAR = Bar(MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0, BarState.FORMING)
STORED = replace(BAR, open_time_ms=0, state=BarState.CLOSED)


class House:
    def __init__(self, redis) -> None:
        self.now_s = 1_000.0
        self.stored_read = 0
        self.log = LiveLog(redis)
        self.snapshots = Snapshots(self.log, self._stored, Clock(steady_s=lambda: self.now_s))

    async def _stored(self, topic: Topic, limit: int) -> tuple[Bar, ...]:
        assert (topic, limit) == (TOPIC, SNAPSHOT_BARS)
        self.stored_read += 1
        return (STORED,)


@pytest.fixture
async def house(redis):
    house = House(redis)
    yield house
    await house.snapshots.close()


@pytest.fixture
async def token(redis):
    leases = Leases(redis)
    assert await leases.take(TOPIC)
    return leases.token


async def reads_of(redis) -> int:
    return (await redis.info("commandstats"))["cmdstat_xrevrange"]["calls"]


async def test_a_thousand_who_join_at_one_position_are_one_reading(house, token, redis):
    position = await house.log.append(TOPIC, BAR, token=token)
    assert await house.snapshots.bars_at(TOPIC, position) == (STORED, BAR)
    before = await reads_of(redis)
    found = await asyncio.gather(*(house.snapshots.bars_at(TOPIC, position) for _ in range(1_000)))
    assert set(found) == {(STORED, BAR)}
    assert (await reads_of(redis) - before, house.stored_read) == (0, 1)
    house.now_s += KEPT_S
    assert await house.snapshots.bars_at(TOPIC, position) == (STORED, BAR)
    assert (await reads_of(redis) - before, house.stored_read) == (1, 2)


async def test_each_position_has_its_own_bars_however_much_was_said_since(house, token):
    positions = [
        await house.log.append(TOPIC, replace(BAR, volume=float(number)), token=token)
        for number in range(2 * OVERLAY_ENTRIES)
    ]
    for number in (0, 1, 2 * OVERLAY_ENTRIES - 1):
        told = (STORED, replace(BAR, volume=float(number)))
        assert await house.snapshots.bars_at(TOPIC, positions[number]) == told


async def test_a_log_that_cannot_be_read_has_no_bars_and_that_is_not_kept(house, token, redis):
    position = await house.log.append(TOPIC, BAR, token=token)
    stream = f"live:{{{TOPIC.text}}}:log"
    await redis.rename(stream, "aside")
    await redis.set(stream, "no stream")
    assert await house.snapshots.bars_at(TOPIC, position) == ()
    await redis.rename("aside", stream)
    assert await house.snapshots.bars_at(TOPIC, position) == (STORED, BAR)


async def test_an_error_reaches_those_who_waited_and_is_kept_for_nobody():
    kept: KeptBriefly[int] = KeptBriefly(Clock(steady_s=lambda: 0.0))
    outcomes = iter([ValueError("first"), 2])

    async def read() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(ValueError, match="first"):
        await kept.get("a", read)
    assert await kept.get("a", read) == 2
    assert await kept.get("a", read) == 2
    await kept.close()


async def test_what_is_over_is_let_go_though_nobody_asks_for_it_again():
    now_s = 0.0
    kept: KeptBriefly[list[int]] = KeptBriefly(Clock(steady_s=lambda: now_s))

    async def read() -> list[int]:
        return []

    for number in range(100):
        now_s = number * KEPT_S / 10
        await kept.get(number, read)
        assert len(kept._kept) <= 11
    await kept.close()
