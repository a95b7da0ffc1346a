"""After a log began anew with a hole: what was before it says nothing of the newest bars or the day."""

import asyncio
from dataclasses import replace

import pytest

from services.announcing.announcement import Extreme, Kind
from services.announcing.desk import Desk, DeskParts
from services.announcing.news import Past, Side
from services.announcing.preferences import Mode, MoveThreshold, MoveUnit, Preferences
from services.announcing.steps_book import StepsBook
from services.announcing.tape import EXTREME_BARS
from services.live.log import FeedStatus
from tests.announcing.alert_house import DEADLINE_S, TOPIC
from tests.announcing.test_desk import Ears, find_spec
from tests.announcing.test_tape import NOON_MS, bar, closed, warm_tape
from utils.domain import DAY_MS, MINUTE_MS, Bar, BarState, Gap, GapReason, Span

# Far apart, so that extremes are told and no moves.
EXTREMES = Preferences(
    mode=Mode.ALL, move=MoveThreshold(MoveUnit.PERCENT, 50.0), min_gap_s=1.0, words_per_minute=400
)


def holed_tape(**options):
    """Return a tape that knew an hour before noon, and whose log began anew after it."""
    tape = warm_tape(**options)
    tape.observe(bar(0, 101.0), NOON_MS)
    tape.observe(FeedStatus("stale", NOON_MS, ""), NOON_MS)
    tape.forget()
    return tape


@pytest.mark.parametrize("whole", [True, False])
def test_nothing_is_the_highest_of_bars_from_before_a_hole(whole):
    tape = holed_tape(whole=whole)
    news = tape.observe(bar(90, 111.0, volume=99.0), NOON_MS)
    assert (news.extremes, news.spike, news.atr) == ((), None, None)
    # What is no matter of bars was not forgotten.
    assert (news.last, news.low) == (111.0, 100.0)
    assert tape.loss is not None


def test_the_newest_bars_are_learned_again_one_after_the_other():
    tape = holed_tape()
    for minute in range(90, 90 + EXTREME_BARS):
        assert tape.observe(closed(minute, high=105.0), NOON_MS).extremes == ()
    news = tape.observe(bar(90 + EXTREME_BARS, 106.0), NOON_MS)
    assert news.extremes == (Extreme(Side.HIGH, 106.0, EXTREME_BARS),)


@pytest.mark.parametrize("reason", GapReason)
def test_history_with_the_same_hole_brings_nothing_back_and_a_whole_one_brings_all(reason):
    tape = holed_tape()
    tape.observe(bar(90), NOON_MS)
    midnight_ms = NOON_MS // DAY_MS * DAY_MS
    before = [closed(minute, high=108.0) for minute in range(-12 * 60, 1)]
    after = [closed(minute, high=107.0) for minute in range(80, 90)]
    hole = Gap(Span(NOON_MS + MINUTE_MS, NOON_MS + 80 * MINUTE_MS), reason)
    past = Past((*before, *after), (hole,))
    assert past.bars[0].open_time_ms == midnight_ms
    tape.warm(past.bars, past.whole_from_ms)
    assert tape.observe(bar(90, 107.5), NOON_MS).extremes == ()
    found = tape.observe(bar(90, 120.0), NOON_MS).extremes
    assert found == ((Extreme(Side.HIGH, 120.0),) if reason is GapReason.NO_TRADES else ())


def test_a_day_that_began_in_a_hole_is_not_known():
    tape = holed_tape()
    for price in (100.0, 111.0):
        assert tape.observe(bar(24 * 60, price), NOON_MS).extremes == ()
    following = bar(0, 100.0)
    for day, price in ((2, 100.0), (2, 112.0)):
        later = replace(following, open_time_ms=NOON_MS + day * DAY_MS, high=price, close=price)
        news = tape.observe(later, NOON_MS)
    assert news.extremes == (Extreme(Side.HIGH, 112.0),)


async def test_a_desk_learns_again_what_was_when_a_log_has_begun_anew(house):
    read, highs = asyncio.Queue(), iter((110.0, 125.0))

    async def read_past(_topic, _limit):
        high = next(highs)
        read.put_nowait(high)
        newest_ms = TOPIC.timeframe.floor(house.clock.now_ms())
        opens_ms = range(newest_ms - 30 * MINUTE_MS, newest_ms, MINUTE_MS)
        return Past(tuple(Bar(ms, 100.0, high, 90.0, 100.0, 99.0, BarState.CLOSED) for ms in opens_ms))

    worker = await house.add_worker()
    desk = Desk(DeskParts(worker.hub, house.log, house.clock, StepsBook(find_spec), read_past))
    ears = Ears(desk, EXTREMES)
    await desk.begin(ears.listening, TOPIC)
    ears.listening.confirm(TOPIC)
    async with asyncio.timeout(DEADLINE_S):
        assert await read.get() == 110.0
        await house.pay(100.0)
        await house.pay(111.0)
        (said,) = (await ears.hear(Kind.EXTREME)).parts
        assert (said.side, said.price) == (Side.HIGH, 111.0)
        await house.begin_anew()
        await house.pay(100.0)
        assert await read.get() == 125.0
        # Beyond what was before the hole, and not beyond what history says by now.
        await house.pay(124.0)
        await house.pay(80.0)
        (said,) = (await ears.hear(Kind.EXTREME)).parts
        assert (said.side, said.price) == (Side.LOW, 80.0)
        ears.listening.close()
        await desk.close()
