"""Reading the newest bar says nothing of the bars before it, and nothing of an older hole."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from services.backfill import Backfill, BackfillOrder
from services.catalog import Catalog
from services.history_filler import HistoryFiller
from services.history_query import FORMING_MAX_AGE_MS
from services.market_service import History, HistoryQuery, MarketService
from services.quarantine import Quarantine
from services.stores.series import select_series
from tests.services.recorded_market import (
    BEGAN_MS,
    BTC,
    HEAD_MS,
    HOUR,
    RECENT,
    HandClock,
    RecordedMarket,
    ago,
    between,
    truth_of,
)
from utils.domain import HOUR_MS, Span

NEWEST = HistoryQuery(BTC, HOUR, limit=1)
CHART = HistoryQuery(BTC, HOUR, limit=100)
DEADLINE_S = 10


async def assert_true(history: History, now_ms: int) -> None:
    assert (history.gaps, history.stale) == ((), False)
    # The forming bar may be a few seconds old, and the answer says so.
    assert now_ms - FORMING_MAX_AGE_MS < history.as_of_ms <= now_ms
    assert list(history.bars) == await truth_of(history.query, history.as_of_ms)


async def test_who_asks_for_the_newest_bar_alone_hides_no_hole_from_a_chart(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    await market.bars(between(ago(60), ago(26)))
    await market.bars(NEWEST)
    hand.now_ms += 3_000
    asked = len(upstream.asked)
    await assert_true(await market.bars(CHART), hand.now_ms)
    assert len(upstream.asked) == asked + 2


@pytest.mark.parametrize("after_ms", [1_000, 1_200_000], ids=["as it opens", "in its middle"])
async def test_the_bar_before_the_newest_is_read_although_the_newest_was(
    market: MarketService, hand: HandClock, after_ms: int
) -> None:
    await market.bars(RECENT)
    hand.now_ms = HEAD_MS + HOUR_MS + after_ms
    await market.bars(NEWEST)
    hand.now_ms += 3_000
    await assert_true(await market.bars(RECENT), hand.now_ms)


async def test_the_newest_bar_alone_is_read_once_for_all_who_ask(
    market: MarketService, upstream: RecordedMarket
) -> None:
    upstream.gate = asyncio.Event()
    askers = [asyncio.create_task(market.bars(NEWEST)) for _ in range(20)]
    async with asyncio.timeout(DEADLINE_S):
        await upstream.came.wait()
        upstream.gate.set()
        for history in await asyncio.gather(*askers):
            await assert_true(history, BEGAN_MS)
    assert len(upstream.asked) == 1


async def test_where_nobody_has_traded_yet_the_newest_bar_is_read_once(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    """The bar before it is over, and has not proven closed: it is not known either."""
    upstream.spoil = lambda rows: tuple(row for row in rows if row[0] != HEAD_MS)
    hand.now_ms = HEAD_MS + 1_000
    first = await market.bars(RECENT)
    asked = len(upstream.asked)
    assert (await market.bars(RECENT)).bars == first.bars
    assert len(upstream.asked) == asked


@pytest.mark.parametrize("wait_ms", [0, 30_000])
async def test_a_long_run_is_not_ended_by_who_asks_for_the_newest_bar_meanwhile(
    *,
    market: MarketService,
    upstream: RecordedMarket,
    pool: asyncpg.Pool,
    catalog: Catalog,
    hand: HandClock,
    wait_ms: int,
) -> None:
    upstream.change_profile = lambda profile: replace(profile, page_bars=100)
    filler = HistoryFiller(pool, Quarantine())
    backfill = Backfill(pool=pool, catalog=catalog, filler=filler, clock=hand.clock)
    async for _ in backfill.run(BackfillOrder(BTC, HOUR, ago(1_000))):
        hand.now_ms += wait_ms
        await market.bars(NEWEST)
    series = await select_series(pool, BTC, HOUR)
    assert series is not None
    assert series.known == (Span(ago(1_000), HEAD_MS),)
