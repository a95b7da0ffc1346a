"""Timeframes the exchange lacks: the fold of its bars, closed on the same evidence, corrected with them."""

import asyncio
from dataclasses import replace

import asyncpg
import orjson
import pytest

from plugins.base import VenueProfile
from services.bar_writer import write_bars
from services.derivation import BUILT
from services.market_service import History, HistoryQuery, HistoryText, MarketService
from services.stores.series import select_series
from tests.services.recorded_market import BTC, QUIET, HandClock, RecordedMarket, true_bars
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Bar, BarSource, BarState, Timeframe
from utils.errors import InvalidRequest, UpstreamDown

DAY, WEEK = Timeframe.parse("1d"), Timeframe.parse("1w")
DEADLINE_S = 10
SOMEBODY_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


async def folded(hand: HandClock, instrument, timeframe: Timeframe, start_ms: int, end_ms: int):
    """The oracle: days of the exchange folded by calendar, in the plainest way."""
    groups: dict[int, list[Bar]] = {}
    for bar in await true_bars(hand.now_ms, instrument, DAY, start_ms, end_ms):
        groups.setdefault(timeframe.floor(bar.open_time_ms), []).append(bar)
    return {
        open_ms: (
            days[0].open,
            max(day.high for day in days),
            min(day.low for day in days),
            days[-1].close,
            pytest.approx(sum(day.volume for day in days), rel=1e-12),
        )
        for open_ms, days in groups.items()
    }


@pytest.mark.parametrize("name", ["1w", "1M", "3d", "3M"])
@pytest.mark.parametrize("instrument", [BTC, QUIET], ids=lambda each: each.symbol)
async def test_derived_bars_are_the_fold_of_the_exchanges_days(
    market: MarketService, hand: HandClock, name: str, instrument
) -> None:
    timeframe = Timeframe.parse(name)
    history = await market.bars(HistoryQuery(instrument, timeframe, limit=6))
    expected = await folded(hand, instrument, timeframe, history.bars[0].open_time_ms, hand.now_ms + DAY_MS)
    assert {bar.open_time_ms: bar.values for bar in history.bars} == expected
    *closed, running = history.bars
    assert {bar.state for bar in closed} == {BarState.CLOSED}
    assert running.state is BarState.FORMING
    assert {bar.source for bar in history.bars} == {BarSource.DERIVED}


async def test_weeks_begin_on_mondays_and_months_on_their_first_day(market: MarketService) -> None:
    weeks = await market.bars(HistoryQuery(BTC, Timeframe.parse("1w"), limit=4))
    assert {(bar.open_time_ms // DAY_MS + 3) % 7 for bar in weeks.bars} == {0}


async def test_what_was_built_is_kept_and_asks_nothing_again(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    query = HistoryQuery(BTC, Timeframe.parse("1w"), end_ms=hand.now_ms - 14 * DAY_MS, limit=5)
    first = await market.bars(query)
    asked = len(upstream.asked)
    again = await market.text(query)
    assert isinstance(again, HistoryText)
    assert len(upstream.asked) == asked
    assert again.text.count == len(first.bars)
    assert again.settled


async def test_a_corrected_day_corrects_its_week(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    week = Timeframe.parse("1w")
    hand.now_ms = week.floor(hand.now_ms) + DAY_MS // 2
    before = await market.bars(HistoryQuery(BTC, week, limit=3))
    sunday_ms = week.floor(hand.now_ms) - DAY_MS
    upstream.spoil = lambda rows: tuple((*row[:5], 12_345.0) if row[0] == sunday_ms else row for row in rows)
    hand.now_ms += DAY_MS
    await market.bars(HistoryQuery(BTC, DAY, limit=5))
    after = await market.bars(HistoryQuery(BTC, week, limit=3))
    assert before.bars[1].state is BarState.CLOSED
    corrected = after.bars[1]
    assert corrected.open_time_ms == before.bars[1].open_time_ms
    assert corrected.state is BarState.CORRECTED
    assert corrected.revision == 1
    assert corrected.volume != before.bars[1].volume


async def test_a_day_corrected_while_its_week_is_built_corrects_the_week(
    market: MarketService, pool: asyncpg.Pool, hand: HandClock
) -> None:
    week = Timeframe.parse("1w")
    monday_ms = week.shift(hand.now_ms, -4)
    # The series of weeks is there, and of the week itself the days.
    await market.bars(HistoryQuery(BTC, week, week.shift(monday_ms, -1), monday_ms))
    days = await market.bars(HistoryQuery(BTC, DAY, monday_ms, week.next(monday_ms)))
    series = await select_series(pool, BTC, DAY)
    assert series is not None
    corrected = replace(days.bars[3], volume=12_345.0, source=BarSource.EXCHANGE)
    query = HistoryQuery(BTC, week, monday_ms, week.next(monday_ms))
    async with pool.acquire() as connection:
        async with connection.transaction():
            await write_bars(connection, series, [corrected])
            building = asyncio.create_task(market.bars(query))
            async with asyncio.timeout(DEADLINE_S):
                while not await connection.fetchval(SOMEBODY_WAITS):  # noqa: ASYNC110 - a lock tells nobody
                    await asyncio.sleep(0.01)
        await building
    built = await market.bars(query)
    volumes = [bar.volume for bar in days.bars[:3] + days.bars[4:]]
    assert built.bars[0].volume == pytest.approx(sum(volumes) + 12_345.0, rel=1e-12)


async def test_a_week_with_an_unknown_day_is_not_called_closed(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    week = Timeframe.parse("1w")
    monday_ms = week.shift(hand.now_ms, -4)
    # Two days of that week are known, and then the exchange goes away.
    await market.bars(HistoryQuery(BTC, DAY, monday_ms, monday_ms + 2 * DAY_MS))
    upstream.error = UpstreamDown("simex is away. Try again in a moment.")
    history = await market.bars(HistoryQuery(BTC, week, monday_ms, week.next(monday_ms)))
    assert isinstance(history, History)
    (bar,) = history.bars
    assert bar.state is BarState.FORMING
    assert history.stale
    assert [gap.reason.value for gap in history.gaps] == ["outage"]
    upstream.error = None
    healed = await market.bars(replace(history.query))
    assert healed.bars[0].state is BarState.CLOSED
    assert healed.gaps == ()


async def in_a_minute(pool: asyncpg.Pool, hand: HandClock) -> None:
    """Let a minute pass, for the exchange and for the database."""
    hand.now_ms += MINUTE_MS
    await pool.execute("UPDATE quiet_span SET checked_at = checked_at - INTERVAL '1 minute'")


def before_sunday_is_published(upstream: RecordedMarket, hand: HandClock) -> HistoryQuery:
    monday_ms = WEEK.floor(hand.now_ms)
    hand.now_ms = monday_ms + 3_000
    upstream.spoil = lambda rows: tuple(row for row in rows if int(str(row[0])) < monday_ms - DAY_MS)
    return HistoryQuery(BTC, WEEK, WEEK.shift(monday_ms, -1), monday_ms)


async def test_a_day_that_the_exchange_publishes_late_is_waited_for(
    market: MarketService, upstream: RecordedMarket, hand: HandClock, pool: asyncpg.Pool
) -> None:
    query = before_sunday_is_published(upstream, hand)
    early = await market.bars(query)
    assert [bar.state for bar in early.bars] == [BarState.FORMING]
    assert not early.settled
    asked = len(upstream.asked)
    await market.bars(query)
    assert len(upstream.asked) == asked
    await in_a_minute(pool, hand)
    upstream.spoil = lambda rows: rows
    (whole,) = (await market.bars(query)).bars
    expected = await folded(hand, BTC, WEEK, query.start_ms or 0, query.end_ms or 0)
    assert (whole.state, whole.values) == (BarState.CLOSED, expected[whole.open_time_ms])


async def test_a_day_of_which_the_exchange_still_says_nothing_a_minute_later_had_no_trades(
    market: MarketService, upstream: RecordedMarket, hand: HandClock, pool: asyncpg.Pool
) -> None:
    query = before_sunday_is_published(upstream, hand)
    await market.bars(query)
    await in_a_minute(pool, hand)
    later = await market.bars(query)
    assert [bar.state for bar in later.bars] == [BarState.CLOSED]
    assert later.settled
    assert isinstance(await market.text(query), HistoryText)


@pytest.mark.parametrize("life", ["listed_ms", "delisted_ms"])
async def test_the_week_in_which_an_instrument_was_listed_or_delisted_closes(
    market: MarketService, upstream: RecordedMarket, hand: HandClock, life: str
) -> None:
    week = Timeframe.parse("1w")
    monday_ms = week.shift(hand.now_ms, -4)
    thursday_ms, end_ms = monday_ms + 3 * DAY_MS, monday_ms + 7 * DAY_MS
    lived = (thursday_ms, end_ms) if life == "listed_ms" else (monday_ms, thursday_ms + DAY_MS)
    upstream.change_spec = lambda spec: replace(spec, **{life: thursday_ms + HOUR_MS})
    upstream.spoil = lambda rows: tuple(row for row in rows if int(str(row[0])) < lived[1])
    history = await market.bars(HistoryQuery(BTC, week, monday_ms, week.next(monday_ms)))
    expected = await folded(hand, BTC, week, *lived)
    assert {bar.open_time_ms: bar.values for bar in history.bars} == expected
    assert [bar.state for bar in history.bars] == [BarState.CLOSED]
    assert (history.gaps, history.settled) == ((), True)
    assert isinstance(await market.text(history.query), HistoryText)


async def test_the_running_week_of_a_delisted_instrument_closes_when_it_is_over(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    week = Timeframe.parse("1w")
    monday_ms = week.floor(hand.now_ms)
    hand.now_ms = monday_ms + 5 * DAY_MS
    delisted_ms = monday_ms + 3 * DAY_MS
    upstream.change_spec = lambda spec: replace(spec, delisted_ms=delisted_ms)
    upstream.spoil = lambda rows: tuple(row for row in rows if int(str(row[0])) < delisted_ms)
    query = HistoryQuery(BTC, week, monday_ms, week.next(monday_ms))
    states = []
    for _ in range(2):
        states += [bar.state for bar in (await market.bars(query)).bars]
        hand.now_ms += 3 * DAY_MS
    assert states == [BarState.FORMING, BarState.CLOSED]


@pytest.mark.parametrize("name", ["1w", "3d", "1M"])
async def test_the_running_bucket_as_text_says_what_it_says_as_bars(
    market: MarketService, hand: HandClock, name: str
) -> None:
    timeframe = Timeframe.parse(name)
    hand.now_ms = timeframe.floor(hand.now_ms) + 36 * HOUR_MS
    query = HistoryQuery(BTC, timeframe, limit=4)
    as_bars = await market.bars(query)
    as_text = await market.text(query)
    assert isinstance(as_bars, History)
    assert isinstance(as_text, HistoryText)
    assert orjson.loads(as_text.text.json) == [[bar.open_time_ms, *bar.values] for bar in as_bars.bars]
    assert as_text.last_bar_state is BarState.FORMING
    for field in ("gaps", "stale", "settled", "next_ms", "as_of_ms", "revision", "last_bar_state"):
        assert getattr(as_text, field) == getattr(as_bars, field), field


async def test_a_bucket_that_is_over_and_not_built_is_not_passed_over_as_text(
    market: MarketService, hand: HandClock
) -> None:
    week = Timeframe.parse("1w")
    await market.text(HistoryQuery(BTC, week, limit=3))
    hand.now_ms += 15 * DAY_MS
    later = await market.text(HistoryQuery(BTC, week, limit=3))
    assert isinstance(later, History)
    assert [bar.state for bar in later.bars] == [BarState.CLOSED, BarState.CLOSED, BarState.FORMING]
    assert isinstance(await market.text(HistoryQuery(BTC, week, limit=3)), HistoryText)


def without(upstream: RecordedMarket, *names: str) -> None:
    """Let the exchange lack some of its timeframes."""

    def lacking(profile: VenueProfile) -> VenueProfile:
        return replace(profile, timeframes=tuple(t for t in profile.timeframes if t.text not in names))

    upstream.change_profile = lacking


@pytest.mark.parametrize("as_text", [False, True])
async def test_a_week_is_built_anew_once_when_the_exchange_gains_days(
    market: MarketService, upstream: RecordedMarket, hand: HandClock, *, as_text: bool
) -> None:
    week = Timeframe.parse("1w")
    monday_ms = week.shift(hand.now_ms, -4)
    query = HistoryQuery(BTC, week, monday_ms, week.next(monday_ms))
    without(upstream, "1d")
    before = (await market.bars(query)).bars[0]
    without(upstream)
    upstream.asked.clear()
    await (market.text(query) if as_text else market.bars(query))
    assert {asked.timeframe for asked in upstream.asked} == {DAY}
    asked = len(upstream.asked)
    assert (await market.bars(query)).bars[0].values == pytest.approx(before.values, rel=1e-12)
    assert isinstance(await market.text(query), HistoryText)
    assert len(upstream.asked) == asked


async def test_a_corrected_day_corrects_the_week_that_was_built_from_less_before(
    market: MarketService, upstream: RecordedMarket, hand: HandClock, pool: asyncpg.Pool
) -> None:
    week = Timeframe.parse("1w")
    monday_ms = week.shift(hand.now_ms, -4)
    query = HistoryQuery(BTC, week, monday_ms, week.next(monday_ms))
    without(upstream, "1d")
    await market.bars(query)
    without(upstream)
    before = (await market.bars(query)).bars[0]
    series = await select_series(pool, BTC, DAY)
    days = (await market.bars(HistoryQuery(BTC, DAY, monday_ms, week.next(monday_ms)))).bars
    assert series is not None
    async with pool.acquire() as connection:
        corrected = replace(days[3], volume=days[3].volume + 1.0, source=BarSource.EXCHANGE)
        await write_bars(connection, series, [corrected])
    after = (await market.bars(query)).bars[0]
    assert (after.state, after.volume) == (BarState.CORRECTED, pytest.approx(before.volume + 1.0, rel=1e-12))


@pytest.mark.parametrize("as_text", [False, True])
async def test_what_was_built_is_asked_for_when_the_exchange_gains_it(
    market: MarketService, upstream: RecordedMarket, hand: HandClock, *, as_text: bool
) -> None:
    query = HistoryQuery(BTC, DAY, DAY.shift(hand.now_ms, -9), DAY.shift(hand.now_ms, -5))
    without(upstream, "1d")
    await market.bars(query)
    without(upstream)
    upstream.asked.clear()
    for _ in range(2):
        await (market.text(query) if as_text else market.bars(query))
    assert [asked.timeframe for asked in upstream.asked] == [DAY]


async def test_what_was_fetched_is_kept_when_the_exchange_loses_the_timeframe(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    query = HistoryQuery(BTC, DAY, DAY.shift(hand.now_ms, -9), DAY.shift(hand.now_ms, -5))
    fetched = await market.bars(query)
    without(upstream, "1d")
    upstream.asked.clear()
    assert (await market.bars(query)).bars == fetched.bars
    assert isinstance(await market.text(query), HistoryText)
    assert upstream.asked == []


@pytest.mark.parametrize("name", ["7m", "23m", "5h", "9d", "3w", "5M"])
async def test_a_timeframe_that_nobody_charts_makes_no_series(
    market: MarketService, pool: asyncpg.Pool, name: str
) -> None:
    with pytest.raises(InvalidRequest, match="has no bars of"):
        await market.text(HistoryQuery(BTC, Timeframe.parse(name), limit=3))
    assert await pool.fetchval("SELECT count(*) FROM series WHERE timeframe = $1", name) == 0


def test_every_timeframe_that_is_built_is_one_and_written_as_the_service_writes_it() -> None:
    assert {Timeframe.parse(text).text for text in BUILT} == BUILT
