"""One desk over a real log: who comes later knows as much as who was there, and steps are learned in time."""

import asyncio
from dataclasses import replace

import pytest

from services.announcing.announcement import FeedNews, Kind, Moved
from services.announcing.desk import Desk, DeskParts
from services.announcing.news import Past
from services.announcing.preferences import Mode, MoveThreshold, MoveUnit, Preferences
from services.announcing.steps_book import StepsBook
from services.live.hub import Listener
from services.live.log import FeedStatus
from tests.announcing.alert_house import DEADLINE_S, TOPIC
from utils.domain import InstrumentSpec

STEP = 0.001
IN_STEPS = Preferences(mode=Mode.ALL, move=MoveThreshold(MoveUnit.TICKS, 40))


async def find_spec(topic):
    return replace(InstrumentSpec.unlisted(topic.instrument), price_step=STEP)


class Ears:
    """One who listens, and what was posted."""

    def __init__(self, desk, preferences):
        self._posted = asyncio.Queue()
        self.listening = desk.open(preferences, self._posted.put_nowait, None)

    async def hear(self, kind):
        """Return the next announcement of a kind; fail where none comes."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                posted = await self._posted.get()
                said = [posted] if hasattr(posted, "announcement") else self.listening.due()
                for each in said:
                    if each.announcement.kind is kind:
                        return each.announcement


@pytest.fixture
async def learned():
    """Set once the desk knows what it asks the catalog for, and asks for history."""
    return asyncio.Event()


@pytest.fixture
async def worker(house):
    return await house.add_worker()


@pytest.fixture
async def desk(house, worker, learned):
    async def read_past(_topic, _limit):
        learned.set()
        return Past()

    opened = Desk(DeskParts(worker.hub, house.log, house.clock, StepsBook(find_spec), read_past))
    yield opened
    async with asyncio.timeout(DEADLINE_S):
        await opened.close()


async def test_the_first_listener_of_an_instrument_has_moves_in_its_steps(house, desk, learned):
    ears = Ears(desk, IN_STEPS)
    await desk.begin(ears.listening, TOPIC)
    ears.listening.confirm(TOPIC)
    async with asyncio.timeout(DEADLINE_S):
        await learned.wait()
    await house.pay(100.0)
    await house.pay(100.0 + 160 * STEP)
    said = await ears.hear(Kind.MOVE)
    ears.listening.close()
    assert isinstance(said.parts[0], Moved)


async def test_who_comes_during_an_outage_hears_of_it_and_of_its_end(house, desk, worker):
    stale = asyncio.Event()

    def told(status):
        if status.state == "stale":
            stale.set()

    other = Listener(TOPIC, deliver=lambda _: None, broken=lambda _: None, told=told)
    await worker.hub.join(other)
    lost_ms = house.clock.now_ms()
    await house.say(FeedStatus("stale", lost_ms, "Nothing comes."))
    async with asyncio.timeout(DEADLINE_S):
        await stale.wait()
    both = [Ears(desk, Preferences()), Ears(desk, Preferences())]
    for ears in both:
        await desk.begin(ears.listening, TOPIC)
        ears.listening.confirm(TOPIC)
    for lost in (True, False):
        heard = [part for said in await hear_all(both, Kind.FEED) for part in said.parts]
        assert all(isinstance(part, FeedNews) and part.lost is lost for part in heard)
        assert len(heard) == len(both)
        if lost:
            assert {part.since_ms for part in heard} == {lost_ms}
            await house.say(FeedStatus("live", house.clock.now_ms(), "Prices come."))
    for ears in both:
        ears.listening.close()
    worker.hub.leave(other)


async def hear_all(listeners, kind):
    return await asyncio.gather(*(ears.hear(kind) for ears in listeners))
