"""Long stretches are fetched page by page, once, and an exchange that fails is waited for, not for ever."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import asyncpg
import pytest

from services.backfill import (
    ATTEMPTS_MAX,
    PATIENCE_S,
    Backfill,
    BackfillOrder,
    Progress,
    Waiting,
)
from services.catalog import Catalog
from services.history_filler import HistoryFiller
from services.quarantine import Quarantine
from services.stores.bars import select_bars
from services.stores.series import Series, upsert_series
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
    true_bars,
)
from utils.domain import DAY_MS, HOUR_MS, Bar, Instrument, Span, Timeframe
from utils.errors import InvalidRequest, NotFound, UpstreamDown, UpstreamGarbage, UpstreamLimited

PAGE = 1_000
DEADLINE_S = 20
SINCE_MS = ago(2_500)


@dataclass
class Naps:
    """Note each wait; an event may end what was waited for."""

    upstream: RecordedMarket
    waited_s: list[float] = field(default_factory=list)
    heal_after: int = 10**6

    async def sleep_s(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        if len(self.waited_s) >= self.heal_after:
            self.upstream.error = None


@pytest.fixture
def naps(upstream: RecordedMarket) -> Naps:
    return Naps(upstream)


@pytest.fixture
def backfill(pool: asyncpg.Pool, catalog: Catalog, hand: HandClock, naps: Naps) -> Backfill:
    clock = replace(hand.clock, sleep_s=naps.sleep_s)
    return Backfill(pool=pool, catalog=catalog, filler=HistoryFiller(pool, Quarantine()), clock=clock)


async def all_of(backfill: Backfill, order: BackfillOrder) -> list[Progress | Waiting]:
    async with asyncio.timeout(DEADLINE_S):
        return [step async for step in backfill.run(order)]


async def stored(
    pool: asyncpg.Pool, instrument: Instrument, timeframe: Timeframe
) -> tuple[Series, list[Bar]]:
    series = await upsert_series(pool, instrument, timeframe)
    bars = await select_bars(pool, series, start_ms=0, end_ms=BEGAN_MS * 2, limit=100_000)
    return series, list(bars)


async def test_every_closed_bar_is_stored_page_by_page(
    backfill: Backfill, pool: asyncpg.Pool, upstream: RecordedMarket
) -> None:
    steps = await all_of(backfill, BackfillOrder(BTC, HOUR, SINCE_MS))

    series, bars = await stored(pool, BTC, HOUR)
    assert [bar for bar in bars if bar.final] == await true_bars(BEGAN_MS, BTC, HOUR, SINCE_MS, HEAD_MS)
    assert series.known == (Span(SINCE_MS, HEAD_MS),)
    assert [asked.start_ms for asked in upstream.asked] == [SINCE_MS, ago(1_500), ago(500)]
    assert all(asked.limit <= PAGE for asked in upstream.asked)
    assert [step.missing_ms for step in steps] == [2_500 * HOUR_MS, 1_500 * HOUR_MS, 500 * HOUR_MS, 0]
    assert [step.reached_ms for step in steps] == [SINCE_MS, ago(1_500), ago(500), HEAD_MS]
    assert [round(step.done, 6) for step in steps] == [0, 0.4, 0.8, 1]
    assert steps[-1].bars >= 2_500
    assert steps[-1].silent_ms == 0


async def test_a_second_run_asks_nothing(backfill: Backfill, upstream: RecordedMarket) -> None:
    order = BackfillOrder(BTC, HOUR, SINCE_MS)
    await all_of(backfill, order)
    asked = len(upstream.asked)

    (step,) = await all_of(backfill, order)

    assert (step.missing_ms, step.bars, step.done) == (0, 0, 1.0)
    assert len(upstream.asked) == asked


async def test_only_what_is_missing_is_asked_for(backfill: Backfill, upstream: RecordedMarket) -> None:
    for start, end in ((2_000, 1_800), (1_200, 1_100)):
        await all_of(backfill, BackfillOrder(BTC, HOUR, ago(start), ago(end)))
    upstream.asked.clear()

    steps = await all_of(backfill, BackfillOrder(BTC, HOUR, ago(2_100), ago(1_000)))

    assert [(asked.start_ms, asked.limit) for asked in upstream.asked] == [
        (ago(2_100), 102),
        (ago(1_798), 600),
        (ago(1_098), 100),
    ]
    assert steps[-1].done == 1.0


async def test_a_run_that_stops_in_the_middle_is_gone_on_with(
    backfill: Backfill, upstream: RecordedMarket, pool: asyncpg.Pool
) -> None:
    order = BackfillOrder(BTC, HOUR, SINCE_MS)
    async with aclosing(backfill.run(order)) as steps:
        async for step in steps:
            if step.missing_ms < 2_000 * HOUR_MS:
                break
    assert len(upstream.asked) == 1

    await all_of(backfill, order)

    assert [asked.start_ms for asked in upstream.asked] == [SINCE_MS, ago(1_500), ago(500)]
    assert len((await stored(pool, BTC, HOUR))[1]) >= 2_500


async def test_a_stretch_without_trades_is_passed_over_and_known(
    backfill: Backfill, pool: asyncpg.Pool, upstream: RecordedMarket
) -> None:
    since_ms = MINUTE.floor(BEGAN_MS - 2 * DAY_MS)
    await all_of(backfill, BackfillOrder(QUIET, MINUTE, since_ms))

    series, bars = await stored(pool, QUIET, MINUTE)
    truth = await true_bars(BEGAN_MS, QUIET, MINUTE, since_ms, MINUTE.floor(BEGAN_MS))
    assert [bar for bar in bars if bar.final] == truth
    assert len(truth) < 2 * 24 * 60
    assert series.known[0].start_ms == since_ms
    assert len(series.known) == 1


async def test_before_the_listing_there_is_nothing_to_ask(
    backfill: Backfill, upstream: RecordedMarket
) -> None:
    listed_ms = ago(50)
    upstream.change_spec = lambda spec: replace(spec, listed_ms=listed_ms)

    steps = await all_of(backfill, BackfillOrder(BTC, HOUR, ago(5_000)))

    assert [asked.start_ms for asked in upstream.asked] == [listed_ms]
    assert steps[-1].silent_ms == 4_950 * HOUR_MS
    assert steps[0].done == pytest.approx(0.99)


async def test_an_exchange_that_says_nothing_is_not_asked_for_ever(
    backfill: Backfill, upstream: RecordedMarket
) -> None:
    upstream.spoil = lambda _: ()

    steps = await all_of(backfill, BackfillOrder(BTC, HOUR, ago(9_500)))

    # Nothing at or after the start means nothing anywhere, once the end has said the same.
    assert [asked.start_ms for asked in upstream.asked] == [ago(9_500), ago(1_000)]
    assert steps[-1].missing_ms == 0
    assert steps[-1].silent_ms == 9_500 * HOUR_MS
    assert steps[-1].bars == 0


async def test_one_answer_without_bars_does_not_end_a_backfill(
    backfill: Backfill, pool: asyncpg.Pool, upstream: RecordedMarket
) -> None:
    upstream.spoil = lambda rows: () if len(upstream.asked) == 3 else rows

    steps = await all_of(backfill, BackfillOrder(BTC, HOUR, ago(6_500)))

    starts = [asked.start_ms for asked in upstream.asked]
    # The third says nothing; the end shows that this was no end, and all between is asked for.
    assert starts == [ago(hours) for hours in (6_500, 5_500, 4_500, 1_000, 3_500, 2_500, 1_500)]
    silent = Span(ago(4_500), ago(3_500))
    series, bars = await stored(pool, BTC, HOUR)
    assert series.known == (Span(ago(6_500), silent.start_ms), Span(silent.end_ms, HEAD_MS))
    truth = await true_bars(BEGAN_MS, BTC, HOUR, ago(6_500), HEAD_MS)
    expected = [bar for bar in truth if not silent.start_ms <= bar.open_time_ms < silent.end_ms]
    assert [bar for bar in bars if bar.final] == expected
    assert steps[-1].silent_ms == 1_000 * HOUR_MS


async def test_a_bar_that_has_not_proven_closed_is_left_for_later(
    backfill: Backfill, upstream: RecordedMarket, hand: HandClock, pool: asyncpg.Pool
) -> None:
    hand.now_ms = HEAD_MS + 100
    upstream.spoil = lambda rows: tuple(row for row in rows if row[0] != HEAD_MS)

    steps = await all_of(backfill, BackfillOrder(BTC, HOUR, ago(100)))

    assert len(upstream.asked) == 1
    assert steps[-1].silent_ms == HOUR_MS
    assert (await stored(pool, BTC, HOUR))[0].known == (Span(ago(100), ago(1)),)


async def test_a_timeframe_the_exchange_lacks_is_filled_by_way_of_a_finer_one(
    backfill: Backfill, pool: asyncpg.Pool
) -> None:
    week = Timeframe.parse("1w")
    since_ms = week.floor(BEGAN_MS - 60 * DAY_MS)

    steps = await all_of(backfill, BackfillOrder(BTC, week, since_ms))

    assert {step.timeframe.text for step in steps} == {"1d"}
    _, bars = await stored(pool, BTC, Timeframe.parse("1d"))
    assert bars[0].open_time_ms == since_ms


async def test_the_exchange_is_left_alone_for_as_long_as_it_asks(
    backfill: Backfill, upstream: RecordedMarket, naps: Naps
) -> None:
    order = BackfillOrder(BTC, HOUR, SINCE_MS)
    upstream.error, naps.heal_after = UpstreamLimited("simex asked us to wait.", retry_after_s=37), 2

    steps = await all_of(backfill, order)

    # Also what is asked before the first page: the list of instruments.
    assert naps.waited_s == [37, 37]
    assert [step for step in steps if isinstance(step, Waiting)] == [
        Waiting("simex asked us to wait.", 37)
    ] * 2
    assert steps[-1].done == 1.0


async def test_waits_grow_where_the_exchange_names_none(
    backfill: Backfill, upstream: RecordedMarket, naps: Naps
) -> None:
    upstream.error, naps.heal_after = UpstreamDown("simex is away."), 4
    await all_of(backfill, BackfillOrder(BTC, HOUR, SINCE_MS))
    assert naps.waited_s == [2, 4, 8, 16]


async def test_patience_ends_and_what_was_stored_stays(
    backfill: Backfill, upstream: RecordedMarket, naps: Naps, pool: asyncpg.Pool
) -> None:
    order = BackfillOrder(BTC, HOUR, SINCE_MS)
    with pytest.raises(UpstreamDown, match="is away"):  # noqa: PT012 - the error comes out of the loop
        async with aclosing(backfill.run(order)) as steps:
            async for step in steps:
                if isinstance(step, Progress) and step.done >= 0.4:
                    upstream.error = AWAY

    assert len(naps.waited_s) == ATTEMPTS_MAX - 1
    assert len((await stored(pool, BTC, HOUR))[1]) == PAGE
    upstream.error = None
    assert (await all_of(backfill, order))[-1].bars >= 1_500


async def test_a_wait_longer_than_its_patience_ends_a_run_at_once(
    backfill: Backfill, upstream: RecordedMarket, naps: Naps
) -> None:
    upstream.error = UpstreamLimited("simex asked us to wait 2 hours.", retry_after_s=7_200)
    with pytest.raises(UpstreamLimited, match="2 hours"):
        await all_of(backfill, BackfillOrder(BTC, HOUR, SINCE_MS))
    assert naps.waited_s == []
    assert PATIENCE_S < 7_200


async def test_an_answer_sets_patience_back(backfill: Backfill, upstream: RecordedMarket, naps: Naps) -> None:
    """Six short failures in a long run are no reason to give up; six in a row are."""
    upstream_error = UpstreamLimited("simex asked us to wait.", retry_after_s=100)
    order = BackfillOrder(BTC, HOUR, SINCE_MS)
    async with asyncio.timeout(DEADLINE_S), aclosing(backfill.run(order)) as steps:
        async for step in steps:
            if isinstance(step, Progress) and step.missing_ms:
                upstream.error = upstream_error
                naps.heal_after = len(naps.waited_s) + 2
    assert naps.waited_s == [100] * 6


async def test_nothing_of_a_bad_page_is_stored(
    backfill: Backfill, upstream: RecordedMarket, naps: Naps, pool: asyncpg.Pool
) -> None:
    upstream.spoil = lambda rows: (*rows[:-1], (rows[-1][0], None, None, None, None, None))
    with pytest.raises(UpstreamGarbage, match="no market data"):
        await all_of(backfill, BackfillOrder(BTC, HOUR, SINCE_MS))
    assert (await stored(pool, BTC, HOUR))[1] == []
    assert len(upstream.asked) == ATTEMPTS_MAX


async def test_a_symbol_that_is_not_there_is_named_with_what_was_meant(
    backfill: Backfill, upstream: RecordedMarket
) -> None:
    with pytest.raises(NotFound, match="Did you mean BTC/USD"):
        await all_of(backfill, BackfillOrder(replace(BTC, symbol="BTC/USDX"), HOUR, SINCE_MS))
    upstream.change_profile = lambda profile: replace(profile, timeframes=(HOUR,))
    with pytest.raises(InvalidRequest, match=r"no bars of 7 minutes\. It has 1h\."):
        await all_of(backfill, BackfillOrder(BTC, Timeframe.parse("7m"), SINCE_MS))


async def test_the_end_lies_where_it_was_asked_for_and_never_after_now(
    backfill: Backfill, pool: asyncpg.Pool
) -> None:
    for until_ms, end_ms in (
        (ago(90) + 1, ago(89)),
        (BEGAN_MS + DAY_MS, HEAD_MS),
        (SINCE_MS - DAY_MS, ago(100)),
    ):
        (*_, last) = await all_of(backfill, BackfillOrder(BTC, HOUR, ago(100), until_ms))
        assert last.span == Span(ago(100), end_ms)
    (only,) = await all_of(backfill, BackfillOrder(BTC, HOUR, BEGAN_MS + DAY_MS))
    assert (only.missing_ms, only.done) == (0, 1.0)


async def test_beginning_inside_a_bar_means_the_next_one(backfill: Backfill) -> None:
    (first, *_) = await all_of(backfill, BackfillOrder(BTC, HOUR, ago(10) + 1))
    assert first.span.start_ms == ago(9)


def test_an_order_can_be_written_as_one_word() -> None:
    order = BackfillOrder.parse("crypto:bitstamp:BTC/USD:1h:2018-01-01")
    assert order == BackfillOrder(
        Instrument("crypto", "bitstamp", "BTC/USD"), Timeframe.parse("1h"), 1_514_764_800_000
    )
    perpetual = BackfillOrder.parse("crypto:binance:BTC/USDT:USDT:1d:2020-02-29")
    assert perpetual.instrument.symbol == "BTC/USDT:USDT"
    assert perpetual.text == "crypto:binance:BTC/USDT:USDT:1d"


@pytest.mark.parametrize(
    "text", ["", "crypto", "crypto:bitstamp:BTC/USD:1h", "a:b:c:1x:2018-01-01", "a:b:c:1h:2018-02-30"]
)
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        BackfillOrder.parse(text)
