"""The live side of the simulated market says what history says, second by second."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.base import PluginContext
from plugins.simulated import SimulatedPlugin, create_plugin
from plugins.simulated_faults import SimulatedFaults
from plugins.simulated_path import ORIGIN_MS
from utils.clock import Clock
from utils.domain import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Bar,
    BarSource,
    BarState,
    Instrument,
    Timeframe,
)
from utils.errors import UpstreamDown

START_MS = ORIGIN_MS + 500 * DAY_MS
# Under seed 5 the thin instrument trades in this hour.
AWAKE_MS = START_MS + 6 * HOUR_MS
MINUTE = Timeframe.parse("1m")
BTC = Instrument("simulated", "simex", "BTC/USD")
QUIET = Instrument("simulated", "simex", "QUIET/USD")


class Over(Exception):
    """The time the test gave is over."""


class LeapingClock:
    """A clock that moves only when somebody sleeps, and then at once; ``leap_s`` oversleeps."""

    def __init__(self, start_ms: int, last_ms: int, leap_s: float = 0) -> None:
        self.time_ms, self.last_ms, self.leap_s = start_ms, last_ms, leap_s

    async def sleep_s(self, seconds: float) -> None:
        assert seconds > 0
        self.time_ms += round(max(seconds, self.leap_s) * 1_000)
        if self.time_ms > self.last_ms:
            raise Over


def plugin_on(clock: LeapingClock, faults: str = "", seed: str = "5") -> SimulatedPlugin:
    settings_ = {"SIMULATED_SEED": seed, "SIMULATED_FAULTS": faults}
    return create_plugin(PluginContext(Clock(lambda: clock.time_ms, clock.sleep_s), settings_))


async def heard(clock: LeapingClock, stream: AsyncIterator[tuple]) -> list[tuple[int, tuple]]:
    """Return all that a stream says, each with the time it said it, until the clock or the stream ends."""
    said = []
    with contextlib.suppress(Over, UpstreamDown):
        async for update in stream:
            said += [(clock.time_ms, update)]
    return said


async def drained(stream: AsyncIterator[tuple]) -> None:
    async for _ in stream:
        pass


async def watched_bars(
    instrument: Instrument, timeframe: Timeframe, start_ms: int, length_ms: int, *, leap_s: float = 0
) -> tuple[SimulatedPlugin, list[Bar]]:
    clock = LeapingClock(start_ms, start_ms + length_ms, leap_s)
    plugin = plugin_on(clock)
    updates = await heard(clock, plugin.watch_bars(instrument, timeframe))
    return plugin, [bar for _, update in updates for bar in update]


@given(
    st.sampled_from([BTC, QUIET]),
    st.sampled_from(["1s", "5s", "15s", "1m", "5m"]),
    st.integers(0, DAY_MS),
    st.sampled_from([0, 0.4, 7, 90]),
)
@settings(max_examples=12)
async def test_closed_live_bars_equal_history_value_for_value(
    instrument: Instrument, text: str, offset_ms: int, leap_s: float
) -> None:
    timeframe, start_ms = Timeframe.parse(text), START_MS + offset_ms
    plugin, bars = await watched_bars(instrument, timeframe, start_ms, 12 * MINUTE_MS, leap_s=leap_s)
    page = await plugin.fetch_bars(instrument, timeframe, start_ms=timeframe.floor(start_ms), limit=1_000)
    closed = {bar.open_time_ms: bar.values for bar in bars if bar.final}
    assert len(closed) == sum(bar.final for bar in bars)
    # The stream saw nothing of what the clock did after its last second.
    over = [row for row in page.rows if timeframe.next(row[0]) <= start_ms + 12 * MINUTE_MS - leap_s * 1_000]
    assert [closed.get(row[0]) for row in over] == [row[1:] for row in over]


async def test_an_hour_and_a_day_close_as_history_has_them() -> None:
    for text, length_ms in (("1h", 3 * HOUR_MS), ("4h", 13 * HOUR_MS), ("1d", 3 * DAY_MS)):
        timeframe = Timeframe.parse(text)
        plugin, bars = await watched_bars(BTC, timeframe, START_MS - HOUR_MS // 2, length_ms, leap_s=1_799)
        closed = [bar for bar in bars if bar.final]
        page = await plugin.fetch_bars(BTC, timeframe, start_ms=closed[0].open_time_ms, limit=len(closed))
        assert [(bar.open_time_ms, *bar.values) for bar in closed] == list(page.rows)
        assert len(closed) >= 3


async def test_a_bar_forms_each_second_and_closes_once_in_the_second_its_time_is_over() -> None:
    clock = LeapingClock(START_MS + 1_300, START_MS + 2 * MINUTE_MS + 500)
    updates = await heard(clock, plugin_on(clock).watch_bars(BTC, MINUTE))
    times = [time_ms for time_ms, _ in updates]
    assert times[1:] == [START_MS + second * SECOND_MS for second in range(2, 121)]
    (first,) = [update for time_ms, update in updates if time_ms == START_MS + MINUTE_MS]
    assert [(bar.open_time_ms, bar.state) for bar in first] == [
        (START_MS, BarState.CLOSED),
        (START_MS + MINUTE_MS, BarState.FORMING),
    ]
    bars = [bar for _, update in updates for bar in update]
    assert [bar.open_time_ms for bar in bars if bar.final] == [START_MS, START_MS + MINUTE_MS]
    assert {bar.source for bar in bars} == {BarSource.SIMULATED}
    assert {bar.revision for bar in bars} == {0}
    forming = [bar for bar in bars if bar.open_time_ms == START_MS]
    assert all(earlier.volume <= later.volume for earlier, later in pairwise(forming))


async def test_a_thin_instrument_is_silent_between_trades_and_still_closes_its_bars() -> None:
    clock = LeapingClock(AWAKE_MS, AWAKE_MS + HOUR_MS)
    plugin = plugin_on(clock)
    updates = await heard(clock, plugin.watch_bars(QUIET, MINUTE))
    bars = [bar for _, update in updates for bar in update]
    trades = await plugin.fetch_trades(QUIET, since_ms=AWAKE_MS)
    assert 5 < len(trades) < 100
    # Two words a trade at most: it moved, and later its minute is over.
    assert len(bars) <= 2 * len(trades)
    assert {bar.open_time_ms for bar in bars if bar.final} >= {
        MINUTE.floor(trade.time_ms) for trade in trades[:-1]
    }


async def test_each_trade_is_told_once_and_in_its_second() -> None:
    clock = LeapingClock(START_MS, START_MS + 5 * MINUTE_MS)
    plugin = plugin_on(clock)
    updates = await heard(clock, plugin.watch_trades(BTC))
    assert all(len(update) == 1 and update[0].time_ms == time_ms for time_ms, update in updates)
    told = tuple(trade for _, update in updates for trade in update)
    clock.time_ms = START_MS + 5 * MINUTE_MS
    assert told == await plugin.fetch_trades(BTC, since_ms=START_MS)


async def test_a_stream_that_overslept_tells_everything_in_between() -> None:
    clock = LeapingClock(START_MS, START_MS + 3 * HOUR_MS, leap_s=2 * 3_600 + 7)
    updates = await heard(clock, plugin_on(clock).watch_trades(BTC))
    told = [trade.time_ms for _, update in updates for trade in update]
    assert told == list(range(START_MS, START_MS + (2 * 3_600 + 7) * SECOND_MS + 1, SECOND_MS))


async def test_a_clock_set_back_repeats_nothing() -> None:
    clock = LeapingClock(START_MS, START_MS + MINUTE_MS)
    stream = plugin_on(clock).watch_trades(BTC)
    told = [(await anext(stream))[0].time_ms for _ in range(10)]
    clock.time_ms -= 5 * SECOND_MS
    told += [(await anext(stream))[0].time_ms for _ in range(10)]
    assert told == sorted(set(told))
    await stream.aclose()


async def test_a_stream_waits_for_the_clock_and_can_be_closed_while_it_waits() -> None:
    asleep = asyncio.Event()

    async def sleep_s(_: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    plugin = create_plugin(PluginContext(Clock(lambda: START_MS, sleep_s)))
    async with asyncio.timeout(5), contextlib.aclosing(plugin.watch_trades(BTC)) as stream:
        await anext(stream)
        waiting = asyncio.create_task(anext(stream))
        await asleep.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def delivered(faults: str) -> list[tuple[int, int]]:
    clock = LeapingClock(START_MS, START_MS + 20 * MINUTE_MS)
    updates = await heard(clock, plugin_on(clock, faults).watch_trades(BTC))
    return [
        ((time_ms - START_MS) // SECOND_MS, (trade.time_ms - START_MS) // SECOND_MS)
        for time_ms, update in updates
        for trade in update
    ]


async def test_without_faults_nothing_is_harmed() -> None:
    assert await delivered("") == [(second, second) for second in range(1_201)]


async def test_a_late_trade_arrives_seconds_after_its_time() -> None:
    told = await delivered("late")
    delays = [arrived - traded for arrived, traded in told]
    assert set(delays) == {0, 2, 3, 4, 5}
    assert 0.05 < sum(delay > 0 for delay in delays) / len(delays) < 0.2
    assert len({traded for _, traded in told}) == len(told)
    # Only the last seconds may still be on their way.
    assert {traded for _, traded in told} >= set(range(1_196))


async def test_a_duplicate_trade_arrives_twice_at_once() -> None:
    told = await delivered("duplicate")
    assert sorted(set(told)) == [(second, second) for second in range(1_201)]
    twice = sum(earlier == later for earlier, later in pairwise(told))
    assert twice == len(told) - 1_201
    assert 0.05 < twice / 1_201 < 0.2


async def test_a_dropped_trade_never_arrives_and_the_others_do() -> None:
    told = await delivered("dropped")
    assert told == sorted(set(told))
    assert all(arrived == traded for arrived, traded in told)
    assert 0.05 < 1 - len(told) / 1_201 < 0.2


async def test_a_reordered_trade_is_overtaken_by_the_next_one_only() -> None:
    order = [traded for _, traded in await delivered("reordered")]
    swapped = [(earlier, later) for earlier, later in pairwise(order) if later < earlier]
    assert sorted(order) == list(range(len(order)))
    assert all(earlier == later + 1 for earlier, later in swapped)
    assert 0.05 < len(swapped) / 1_201 < 0.2


async def test_a_stalled_stream_says_nothing_for_half_a_minute_of_every_two() -> None:
    told = await delivered("stalled")
    heard_at = {arrived for arrived, _ in told}
    silences = [(earlier, later) for earlier, later in pairwise(sorted(heard_at)) if later > earlier + 1]
    assert {later - earlier for earlier, later in silences} == {31}
    assert len(silences) == 10
    assert all(arrived == traded for arrived, traded in told)


async def test_a_failing_stream_ends_by_an_error_and_a_new_one_goes_on() -> None:
    clock = LeapingClock(START_MS, START_MS + HOUR_MS)
    plugin = plugin_on(clock, "error")
    told, failures_ms = [], []
    for _ in range(5):
        updates = await heard(clock, plugin.watch_trades(BTC))
        told += [trade.time_ms for _, update in updates for trade in update]
        failures_ms.append(clock.time_ms)
    assert len(set(failures_ms)) == 5
    assert failures_ms[-1] - START_MS < 15 * MINUTE_MS
    assert sorted(set(told)) == list(range(START_MS, failures_ms[-1], SECOND_MS))


async def test_all_faults_at_once_follow_from_the_seed() -> None:
    everything = "late,duplicate,dropped,reordered,stalled"
    first, again = await delivered(everything), await delivered(everything)
    assert first == again
    assert {traded for _, traded in first} < set(range(1_201))


async def test_a_faulty_line_never_changes_the_bars_it_carries() -> None:
    clock = LeapingClock(START_MS + SECOND_MS, START_MS + 20 * MINUTE_MS)
    plugin = plugin_on(clock, "late,duplicate,dropped,reordered,stalled")
    updates = await heard(clock, plugin.watch_bars(BTC, MINUTE))
    page = await plugin.fetch_bars(BTC, MINUTE, start_ms=START_MS, limit=100)
    history = {row[0]: row[1:] for row in page.rows}
    closed = [bar for _, update in updates for bar in update if bar.final]
    assert closed
    assert all(bar.values == history[bar.open_time_ms] for bar in closed)


async def test_faults_can_be_switched_while_a_stream_runs() -> None:
    clock = LeapingClock(START_MS, START_MS + HOUR_MS)
    plugin = plugin_on(clock)
    stream = plugin.watch_trades(BTC)
    await anext(stream)
    plugin.faults = SimulatedFaults(stalled=True)
    clock.time_ms = START_MS + 44 * SECOND_MS
    await anext(stream)
    (after_the_stall,) = await anext(stream)
    assert after_the_stall.time_ms == START_MS + 75 * SECOND_MS
    plugin.faults = SimulatedFaults(error=True)
    with pytest.raises(UpstreamDown, match="on purpose"):
        await drained(stream)
