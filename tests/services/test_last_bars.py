"""The last N bars before an instant: exactly N over any hole, the right ones, and in few questions."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plugins.base import BarPage
from plugins.simulated_path import ORIGIN_MS
from services.catalog import Catalog
from services.last_bars import BarWindow, LastBars
from services.market_service import MarketService
from services.patience import WAIT_MIN_S
from services.stores.bars import upsert_bars
from services.stores.series import upsert_series
from tests.services.recorded_market import (
    AWAY,
    BEGAN_MS,
    BTC,
    HEAD_MS,
    HOUR,
    MINUTE,
    QUIET,
    HandClock,
    RecordedMarket,
    ago,
    opens_of,
    true_bars,
)
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Bar, BarSource, BarState, Instrument, Timeframe
from utils.errors import UpstreamDown

ETH = Instrument("simulated", "simex", "ETH/USD")
DAY = 24
DEADLINE_S = 30
# From and to so many hours ago nobody traded.
HOLES = ((2, 3), (7, 12), (30, 30 + 3 * DAY), (200, 200 + 40 * DAY), (2_000, 2_000 + 210 * DAY))
# From the first day of the market on.
FIRST_HOUR_AGO = (HEAD_MS - ORIGIN_MS) // HOUR_MS


class HoledMarket(RecordedMarket):
    """Nobody traded BTC in the holes; a day has a bar where anybody traded in one of its hours."""

    async def fetch_bars(
        self, instrument: Instrument, timeframe: Timeframe, *, start_ms: int, limit: int
    ) -> BarPage:
        found: list[tuple[object, ...]] = []
        start_ms = after_silence(start_ms) if instrument == BTC else start_ms
        while True:
            page = await super().fetch_bars(instrument, timeframe, start_ms=start_ms, limit=1_000)
            if instrument != BTC:
                return replace(page, rows=page.rows[:limit])
            found += [row for row in page.rows if not is_silent(timeframe, row[0])]
            if len(found) >= limit or len(page.rows) < 1_000:
                return replace(page, rows=tuple(found[:limit]))
            start_ms = after_silence(timeframe.next(page.rows[-1][0]))


@pytest.fixture
def upstream(hand: HandClock) -> RecordedMarket:
    return HoledMarket(hand)


@pytest.fixture
def last_bars(pool: asyncpg.Pool, catalog: Catalog, market: MarketService) -> LastBars:
    return LastBars(pool=pool, catalog=catalog, read_bars=market.bars)


def is_silent(timeframe: Timeframe, open_ms: object) -> bool:
    assert isinstance(open_ms, int)
    end_ms = max(timeframe.next(open_ms), open_ms + 1)
    return any(ago(end) <= open_ms and end_ms <= ago(start) for start, end in HOLES)


def after_silence(time_ms: int) -> int:
    return next((ago(start) for start, end in HOLES if ago(end) <= time_ms < ago(start)), time_ms)


async def traded(instrument: Instrument, timeframe: Timeframe, start_ms: int, end_ms: int) -> list[int]:
    """Return the opens of all bars there are."""
    opens = opens_of(await true_bars(BEGAN_MS, instrument, timeframe, start_ms, end_ms))
    return [open_ms for open_ms in opens if instrument != BTC or not is_silent(timeframe, open_ms)]


@pytest.fixture(scope="module")
def hours() -> list[int]:
    return asyncio.run(traded(BTC, HOUR, ORIGIN_MS, HEAD_MS + HOUR_MS))


@given(
    end=st.integers(-10, 8_000),
    count=st.integers(1, 600),
    reach=st.one_of(st.none(), st.integers(1, 5_000)),
)
@example(end=29, count=5, reach=None)
@example(end=30 + 3 * DAY, count=1, reach=None)
@example(end=2_000 + 100 * DAY, count=300, reach=None)
@example(end=FIRST_HOUR_AGO - 3, count=600, reach=None)
@example(end=2_000 + 100 * DAY, count=3, reach=1_000)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_last_bars_are_those_that_a_reader_of_all_bars_would_pick(
    last_bars: LastBars, hours: list[int], end: int, count: int, reach: int | None
) -> None:
    end_ms = ago(end)
    floor_ms = 0 if reach is None else max(0, end_ms - reach * HOUR_MS)
    window = BarWindow(BTC, HOUR, end_ms, count, floor_ms)
    # A busy machine is not what this is about: what it had no time to look for is said to be stale.
    async with asyncio.timeout(DEADLINE_S):
        while (history := await last_bars.read(window, timeout_s=DEADLINE_S)).stale:
            pass
    expected = [open_ms for open_ms in hours if floor_ms <= open_ms < end_ms]
    assert opens_of(history.bars) == expected[-count:]


async def test_a_bar_after_a_long_silence_is_found_in_few_questions(
    last_bars: LastBars, upstream: RecordedMarket
) -> None:
    """Minutes over a hole of two hundred days: one look at the days, not a hundred at the minutes."""
    after_ms, before_ms = ago(2_000), ago(2_000 + 210 * DAY)
    # Days that are never asked for need not be simulated.
    upstream.change_spec = lambda spec: replace(spec, listed_ms=before_ms - 20 * DAY_MS)
    history = await last_bars.read(BarWindow(BTC, MINUTE, after_ms, 3))
    minutes = await traded(BTC, MINUTE, before_ms - 10 * MINUTE_MS, before_ms)
    assert opens_of(history.bars) == minutes[-3:]
    assert len(upstream.asked) < 20


async def test_an_instrument_that_seldom_trades_has_as_many_bars_as_were_asked_for(
    last_bars: LastBars,
) -> None:
    history = await last_bars.read(BarWindow(QUIET, MINUTE, BEGAN_MS, 400))
    minutes = await traded(QUIET, MINUTE, BEGAN_MS - 3 * DAY_MS, BEGAN_MS)
    assert opens_of(history.bars) == minutes[-400:]


async def test_what_is_asked_again_is_asked_of_the_exchange_once(
    last_bars: LastBars, upstream: RecordedMarket
) -> None:
    window = BarWindow(ETH, HOUR, ago(300), 500)
    first = await last_bars.read(window)
    asked = len(upstream.asked)
    second = await last_bars.read(window)
    assert (second.bars, len(upstream.asked)) == (first.bars, asked)
    assert first.settled


async def test_before_the_listing_there_is_nothing_and_the_exchange_is_not_asked(
    last_bars: LastBars, upstream: RecordedMarket
) -> None:
    history = await last_bars.read(BarWindow(BTC, MINUTE, ORIGIN_MS, 10))
    assert history.bars == ()
    assert not upstream.asked
    first = await last_bars.read(BarWindow(BTC, HOUR, ORIGIN_MS + 3 * HOUR_MS, 10))
    assert opens_of(first.bars) == [ORIGIN_MS, ORIGIN_MS + HOUR_MS, ORIGIN_MS + 2 * HOUR_MS]


async def test_without_a_known_listing_the_beginning_is_found_all_the_same(
    last_bars: LastBars, upstream: RecordedMarket, hand: HandClock
) -> None:
    hand.now_ms = ORIGIN_MS + 20 * DAY_MS
    upstream.change_spec = lambda spec: replace(spec, listed_ms=None)
    assert (await last_bars.read(BarWindow(ETH, MINUTE, ORIGIN_MS, 10))).bars == ()
    first = await last_bars.read(BarWindow(ETH, MINUTE, ORIGIN_MS + 5 * MINUTE_MS, 10))
    assert len(first.bars) == 5


async def test_bars_that_the_exchange_forgot_are_still_told_from_the_store(
    last_bars: LastBars, upstream: RecordedMarket, pool: asyncpg.Pool
) -> None:
    upstream.change_profile = lambda profile: replace(profile, history_bars=100)
    old = Bar(ago(900), 10.0, 12.0, 9.0, 11.0, 0.5, BarState.CLOSED, 0, BarSource.SIMULATED)
    await upsert_bars(pool, await upsert_series(pool, BTC, HOUR), [old])
    history = await last_bars.read(BarWindow(BTC, HOUR, BEGAN_MS, 150))
    recent = await traded(BTC, HOUR, ago(99), ago(-1))
    assert opens_of(history.bars) == [ago(900), *recent]
    nothing = await last_bars.read(BarWindow(BTC, HOUR, ago(900), 150))
    assert nothing.bars == ()


async def test_while_the_exchange_is_away_bars_reach_back_to_the_first_unknown_hole(
    last_bars: LastBars, upstream: RecordedMarket, hand: HandClock
) -> None:
    recent = await last_bars.read(BarWindow(BTC, HOUR, ago(105), 10))
    await last_bars.read(BarWindow(BTC, HOUR, ago(160), 10))
    upstream.error = AWAY
    history = await last_bars.read(BarWindow(BTC, HOUR, ago(105), 200))
    # One more had been read than was asked for.
    assert opens_of(history.bars)[-10:] == opens_of(recent.bars)
    assert len(history.bars) == 11
    assert (history.stale, history.settled) == (True, False)
    with pytest.raises(UpstreamDown):
        await last_bars.read(BarWindow(BTC, HOUR, ago(140), 10))


async def test_months_and_weeks_are_counted_like_everything_else(last_bars: LastBars) -> None:
    for text, count in (("1w", 20), ("1M", 7), ("1d", 300), ("3M", 2)):
        timeframe = Timeframe.parse(text)
        history = await last_bars.read(BarWindow(ETH, timeframe, BEGAN_MS, count))
        opens = opens_of(history.bars)
        assert len(opens) == count
        assert opens[-1] == timeframe.floor(BEGAN_MS)
        assert opens == [timeframe.shift(BEGAN_MS, place - count + 1) for place in range(count)]
        assert not history.bars[-1].final


async def test_bars_that_are_being_fetched_are_waited_for(
    last_bars: LastBars, upstream: RecordedMarket
) -> None:
    """The exchange is slower than stored bars wait for: they alone would be half of the answer."""
    await last_bars.read(BarWindow(BTC, HOUR, ago(105), 10))
    upstream.gate, upstream.came = asyncio.Event(), asyncio.Event()
    asking = asyncio.create_task(last_bars.read(BarWindow(BTC, HOUR, ago(105), 60)))
    async with asyncio.timeout(5):
        await upstream.came.wait()
    # Longer than stored bars wait, and shorter than charts do.
    asyncio.get_running_loop().call_later(2 * WAIT_MIN_S, upstream.gate.set)
    history = await asking
    assert (len(history.bars), history.stale) == (60, False)
