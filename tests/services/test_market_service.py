"""History is fetched once, stored, and read back; moving bars move, and corrected ones say so."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from app_extensions import measured_pool
from services.bar_checks import CLOSE_GRACE_MS
from services.catalog import Catalog
from services.history_fetcher import HistoryFetcher
from services.history_filler import HistoryFiller
from services.history_query import FORMING_MAX_AGE_MS, Venue
from services.market_service import MarketService
from services.quarantine import Quarantine
from services.stores.losses import DatabaseSilent
from services.stores.series import upsert_series
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
from utils.domain import HOUR_MS, BarState, Span
from utils.waiting import somebody_waits

DEADLINE_S = 10


async def test_bars_are_those_of_the_exchange_and_the_last_one_is_forming(market: MarketService) -> None:
    history = await market.bars(RECENT)
    assert list(history.bars) == await truth_of(RECENT, BEGAN_MS)
    assert len(history.bars) == 20
    assert history.last_bar_state is BarState.FORMING
    assert (history.revision, history.stale, history.gaps, history.next_ms) == (0, False, (), None)
    assert history.as_of_ms == BEGAN_MS
    assert history.spec.spoken_name == "Bitcoin in dollars"


async def test_a_second_identical_request_asks_nothing_of_the_exchange(
    market: MarketService, upstream: RecordedMarket
) -> None:
    first = await market.bars(RECENT)
    assert len(upstream.asked) == 1
    assert await market.bars(RECENT) == first
    assert len(upstream.asked) == 1


async def test_what_another_worker_stored_is_not_asked_again(
    market: MarketService, upstream: RecordedMarket, pool: asyncpg.Pool, catalog: Catalog
) -> None:
    other = MarketService(pool=pool, catalog=catalog, filler=HistoryFiller(pool, Quarantine()))
    first = await other.bars(RECENT)
    await other.close()
    assert await market.bars(RECENT) == first
    assert len(upstream.asked) == 1


async def test_two_hundred_cold_requests_at_once_make_one_call(
    market: MarketService, upstream: RecordedMarket
) -> None:
    upstream.gate = asyncio.Event()
    askers = [asyncio.create_task(market.bars(RECENT)) for _ in range(200)]
    async with asyncio.timeout(DEADLINE_S):
        await upstream.came.wait()
        upstream.gate.set()
        answers = await asyncio.gather(*askers)
    assert len(upstream.asked) == 1
    truth = tuple(await truth_of(RECENT, BEGAN_MS))
    assert all(answer.bars == truth and not answer.stale for answer in answers)


async def test_who_looked_before_the_call_and_comes_after_it_asks_nothing(
    upstream: RecordedMarket, pool: asyncpg.Pool, catalog: Catalog, hand: HandClock
) -> None:
    fetcher = HistoryFetcher(pool, HistoryFiller(pool, Quarantine()), None)
    venue = Venue(upstream, await upstream.profile("simex"), await catalog.find(BTC), hand.now_ms)
    looked = await upsert_series(pool, BTC, HOUR)
    for _ in range(2):
        filled = await fetcher.fill(venue, looked, RECENT.span(hand.now_ms))
        assert filled.failure is None
        assert filled.series.known
    await fetcher.close()
    assert len(upstream.asked) == 1


async def test_a_database_that_is_silent_is_not_taken_for_the_exchange(
    upstream: RecordedMarket,
    pool: asyncpg.Pool,
    catalog: Catalog,
    hand: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measured_pool, "REQUEST_WAIT_MAX_S", 0.5)
    fetcher = HistoryFetcher(pool, HistoryFiller(pool, Quarantine()), None)
    venue = Venue(upstream, await upstream.profile("simex"), await catalog.find(BTC), hand.now_ms)
    series = await upsert_series(pool, BTC, HOUR)
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("LOCK TABLE bar")
        with somebody_waits(), pytest.raises(DatabaseSilent):
            await fetcher.fill(venue, series, RECENT.span(hand.now_ms))
    await fetcher.close()
    assert len(upstream.asked) == 1


async def test_many_different_ranges_at_once_are_all_answered_in_full(
    market: MarketService, upstream: RecordedMarket
) -> None:
    queries = [between(ago(100 * number + 10), ago(100 * number)) for number in range(1, 8)]
    async with asyncio.timeout(DEADLINE_S):
        answers = await asyncio.gather(*(market.bars(query) for query in queries))
    for query, answer in zip(queries, answers, strict=True):
        assert list(answer.bars) == await truth_of(query, BEGAN_MS)
        assert (answer.gaps, answer.stale) == ((), False)
    assert len(upstream.asked) == len(queries)


async def test_overlapping_ranges_fetch_only_what_is_missing(
    market: MarketService, upstream: RecordedMarket, pool: asyncpg.Pool
) -> None:
    # Beside the hole itself an answer may bring the two bars more that it was asked for, to see its end.
    for query, holes in (
        (between(ago(60), ago(50)), [(ago(60), 10)]),
        (between(ago(30), ago(20)), [(ago(30), 10)]),
        (between(ago(58), ago(52)), []),
        (between(ago(60), ago(20)), [(ago(48), 18)]),
        (between(ago(70), ago(10)), [(ago(70), 10), (ago(18), 8)]),
        (between(ago(70), ago(10)), []),
    ):
        upstream.asked.clear()
        history = await market.bars(query)
        assert list(history.bars) == await truth_of(query, BEGAN_MS)
        assert history.gaps == ()
        assert [(asked.start_ms, asked.limit - 2) for asked in upstream.asked] == holes
    known = (await upsert_series(pool, BTC, HOUR)).known
    assert known == (Span(ago(70), ago(8)),)


async def test_the_forming_bar_moves_and_closes_as_time_passes(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    first = await market.bars(RECENT)
    hand.now_ms += FORMING_MAX_AGE_MS - 1
    assert (await market.bars(RECENT)).bars == first.bars
    assert len(upstream.asked) == 1
    hand.now_ms += 1
    moved = await market.bars(RECENT)
    assert list(moved.bars) == await truth_of(RECENT, hand.now_ms)
    assert moved.bars[-1].volume > first.bars[-1].volume
    # The newest closed bars are read again with it, to notice corrections.
    assert [(asked.start_ms, asked.limit) for asked in upstream.asked[1:]] == [(ago(2), 5)]
    hand.now_ms = HEAD_MS + HOUR_MS + CLOSE_GRACE_MS
    closed = await market.bars(RECENT)
    assert list(closed.bars) == await truth_of(RECENT, hand.now_ms)
    assert [bar.state for bar in closed.bars[-2:]] == [BarState.CLOSED, BarState.FORMING]
    assert closed.revision == 0


async def test_a_kept_answer_says_as_of_when_it_is(market: MarketService, hand: HandClock) -> None:
    await market.bars(RECENT)
    hand.now_ms += 5_000
    assert (await market.bars(RECENT)).as_of_ms == BEGAN_MS
    closed_only = between(ago(10), ago(5))
    assert (await market.bars(closed_only)).as_of_ms == hand.now_ms


async def test_a_corrected_bar_says_so_with_its_revision(
    market: MarketService, upstream: RecordedMarket, pool: asyncpg.Pool
) -> None:
    before = await market.bars(RECENT)
    upstream.spoil = lambda rows: ((*rows[0][:5], 777.0), *rows[1:])
    series = await upsert_series(pool, BTC, HOUR)
    profile = await upstream.profile("simex")
    await HistoryFiller(pool, Quarantine()).fill(upstream, profile, series, [Span(ago(3), ago(2))])
    after = await market.bars(RECENT)
    corrected = replace(before.bars[-4], volume=777.0, state=BarState.CORRECTED, revision=1)
    assert after.bars == (*before.bars[:-4], corrected, *before.bars[-3:])
    assert after.revision == 1


async def test_an_asker_who_leaves_does_not_spoil_the_answer_of_the_others(
    market: MarketService, upstream: RecordedMarket
) -> None:
    upstream.gate = asyncio.Event()
    leaving, staying = (asyncio.create_task(market.bars(RECENT)) for _ in range(2))
    async with asyncio.timeout(DEADLINE_S):
        await upstream.came.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        upstream.gate.set()
        assert len((await staying).bars) == 20
    assert len(upstream.asked) == 1
