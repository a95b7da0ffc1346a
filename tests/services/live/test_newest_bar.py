"""The newest bar of a feed: what follows what, and how often its running state is told."""

from dataclasses import dataclass, replace

import asyncpg
import pytest
from redis.asyncio import Redis

from services.live.broadcaster import BroadcastCounters, Pace
from services.live.lease import Leases
from services.live.log import LiveLog
from services.live.newest_bar import NewestBar
from services.live.projector import Projector
from services.stores.series import upsert_series
from utils.clock import Clock
from utils.domain import MINUTE_MS, Bar, BarSource, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "x", "A/USD"), Timeframe.parse("1m"))
OPEN_MS = 28_000_000 * MINUTE_MS
FIRST = Bar(OPEN_MS, 1.0, 2.0, 0.5, 1.5, 10.0, BarState.FORMING, 0, BarSource.TRADES)
SECOND = replace(FIRST, open_time_ms=OPEN_MS + MINUTE_MS)
EVERY_MS = 250


@dataclass
class House:
    """A feed's newest bar on a log of its own, and a clock that is set by hand."""

    log: LiveLog
    projector: Projector
    counters: BroadcastCounters
    now_ms: int = OPEN_MS

    def __post_init__(self) -> None:
        pace = Pace(forming_every_ms=EVERY_MS, counters=self.counters)
        self.newest = NewestBar(self.projector, pace, Clock(now_ms=lambda: self.now_ms))

    async def logged(self) -> list[float]:
        """Return the volume of each bar that is kept in the log, the oldest first."""
        entries = await self.log.read_newest(TOPIC, 10)
        return [entry.event.volume for entry in entries if isinstance(entry.event, Bar)]


@pytest.fixture
async def house(redis: Redis, pool: asyncpg.Pool) -> House:
    log, leases, counters = LiveLog(redis), Leases(redis), BroadcastCounters()
    series = await upsert_series(pool, TOPIC.instrument, TOPIC.timeframe)
    assert await leases.take(TOPIC)
    projector = Projector(
        pool=pool, log=log, topic=TOPIC, series=series, token=leases.token, counters=counters
    )
    await projector.recall()
    return House(log, projector, counters)


async def test_a_bar_succeeds_only_one_that_opened_before_it(house: House) -> None:
    newest = house.newest
    assert newest.follow(FIRST) is None
    assert newest.follow(replace(FIRST, volume=11.0)) is None
    assert newest.follow(SECOND) == replace(FIRST, volume=11.0)
    # What comes late is not the newest, and succeeds nothing.
    assert newest.follow(FIRST) is None
    assert newest.bar == SECOND


async def test_changes_are_logged_as_often_as_the_pace_says_and_the_others_counted(house: House) -> None:
    newest = house.newest
    for volume in (1.0, 2.0, 3.0):
        newest.follow(replace(FIRST, volume=volume))
        await newest.log_if_due()
    assert (await house.logged(), newest.log_due_in_ms, house.counters.skipped) == ([1.0], EVERY_MS, 1)
    house.now_ms += EVERY_MS - 1
    await newest.log_if_due()
    assert newest.log_due_in_ms == 1
    house.now_ms += 1
    await newest.log_if_due()
    assert ((await house.logged())[-1], newest.log_due_in_ms) == (3.0, None)


async def test_a_clock_that_is_set_back_silences_nothing(house: House) -> None:
    house.newest.follow(FIRST)
    await house.newest.log_if_due()
    house.now_ms -= 3_600_000
    house.newest.follow(replace(FIRST, volume=12.0))
    assert house.newest.log_due_in_ms == 0
    await house.newest.log_if_due()
    assert (await house.logged())[-1] == 12.0


async def test_a_bar_lacks_its_close_until_somebody_has_proved_it(house: House) -> None:
    assert not house.newest.lacks_close
    house.newest.begin(FIRST)
    assert house.newest.lacks_close
    await house.projector.write_final(replace(FIRST, state=BarState.CLOSED), known=True)
    assert not house.newest.lacks_close


async def test_a_bar_that_ended_is_not_told_as_running(house: House) -> None:
    house.newest.follow(replace(FIRST, state=BarState.CLOSED))
    assert house.newest.log_due_in_ms is None
    await house.newest.log_if_due()
    assert await house.logged() == []
