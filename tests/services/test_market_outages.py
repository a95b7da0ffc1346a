"""What becomes of history when the exchange is away, slow, or sends what is no market data."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

import asyncpg
import pytest

from services.catalog import INSTRUMENTS_MAX_AGE_MS
from services.history_filler import HistoryFiller
from services.market_service import HistoryQuery, MarketService
from services.quarantine import Quarantine
from services.stores.series import upsert_series
from tests.services.recorded_market import (
    AWAY,
    BEGAN_MS,
    BTC,
    HEAD_MS,
    HOUR,
    MINUTE,
    QUIET,
    RECENT,
    HandClock,
    RecordedMarket,
    Rows,
    ago,
    assert_every_instant_is_told,
    between,
    opens_of,
    reasons_of,
    truth_of,
)
from utils.domain import HOUR_MS, MINUTE_MS, GapReason, Span, Timeframe
from utils.errors import InvalidRequest, NotFound, UpstreamDown, UpstreamGarbage, UpstreamTimeout

DEADLINE_S = 10
# Of one page, as a distant exchange takes.
TAKES_S = 0.15


async def test_while_the_exchange_is_away_stored_bars_are_shown_as_stale_with_the_hole_named(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    stored = await market.bars(RECENT)
    hand.now_ms += 3 * HOUR_MS
    upstream.error = AWAY
    history = await market.bars(replace(RECENT, start_ms=ago(5), limit=500))
    assert history.stale
    assert history.bars == stored.bars[-6:]
    assert history.as_of_ms == BEGAN_MS
    assert [(gap.span, gap.reason) for gap in history.gaps] == [(Span(ago(-1), ago(-3)), GapReason.OUTAGE)]
    assert_every_instant_is_told(history, hand.now_ms)
    # What is stored and known needs nobody.
    known = await market.bars(between(ago(15), ago(5)))
    assert (known.stale, known.gaps) == (False, ())
    upstream.error = None
    history = await market.bars(replace(RECENT, start_ms=ago(5), limit=500))
    assert (history.stale, history.gaps) == (False, ())
    assert list(history.bars) == await truth_of(history.query, hand.now_ms)


async def test_bars_without_a_newer_check_are_not_called_as_of_now(
    market: MarketService, upstream: RecordedMarket
) -> None:
    await market.bars(between(ago(90), ago(80)))
    upstream.error = AWAY
    history = await market.bars(between(ago(90), ago(40)))
    assert history.stale
    assert ago(80) <= history.as_of_ms < ago(40)


async def test_an_outage_in_the_middle_leaves_what_came_before_it(
    market: MarketService, upstream: RecordedMarket
) -> None:
    upstream.change_profile = lambda profile: replace(profile, page_bars=10)

    def fail_third_page(rows: Rows) -> Rows:
        if len(upstream.asked) == 3:
            raise AWAY
        return rows

    upstream.spoil = fail_third_page
    history = await market.bars(between(ago(50), ago(10)))
    assert history.stale
    assert opens_of(history.bars) == [ago(hours) for hours in range(50, 30, -1)]
    assert [(gap.span, gap.reason) for gap in history.gaps] == [(Span(ago(30), ago(10)), GapReason.OUTAGE)]


async def test_a_few_stored_bars_are_no_reason_to_call_an_exchange_away(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    upstream.change_profile = lambda profile: replace(profile, page_bars=20)
    upstream.takes_s = TAKES_S
    await market.bars(between(ago(3), ago(1)))
    history = await market.bars(between(ago(100), ago(1)))
    assert (history.stale, history.gaps) == (False, ())
    assert list(history.bars) == await truth_of(history.query, hand.now_ms)


async def test_an_exchange_has_as_much_time_as_it_needs_for_so_many_pages(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    upstream.change_profile = lambda profile: replace(profile, page_bars=20)
    upstream.takes_s = TAKES_S
    for hours in range(121, 21, -20):
        await market.bars(between(ago(hours), ago(hours - 20)))
    history = await market.bars(between(ago(201), ago(21)))
    assert (history.stale, history.gaps) == (False, ())
    assert list(history.bars) == await truth_of(history.query, hand.now_ms)


async def test_without_anything_stored_the_error_is_told_and_not_kept(
    market: MarketService, upstream: RecordedMarket
) -> None:
    upstream.error = AWAY
    with pytest.raises(UpstreamDown):
        await market.bars(RECENT)
    upstream.error = None
    assert list((await market.bars(RECENT)).bars) == await truth_of(RECENT, BEGAN_MS)


async def test_stored_bars_are_shown_even_when_the_list_of_symbols_is_away(
    pool: asyncpg.Pool, market: MarketService, upstream: RecordedMarket
) -> None:
    await market.bars(RECENT)
    upstream.error = AWAY
    after_restart = MarketService(
        pool=pool, catalog=upstream.catalog(), filler=HistoryFiller(pool, Quarantine())
    )
    history = await after_restart.bars(between(ago(10), ago(5)))
    assert len(history.bars) == 5
    assert history.spec.instrument == BTC
    # What the list would have said of it is not known: the same question has another answer later.
    assert not history.settled
    with pytest.raises(UpstreamDown):
        await after_restart.bars(replace(RECENT, instrument=QUIET))
    await after_restart.close()


BAD_ANSWERS: dict[str, Callable[[Rows], Rows]] = {
    "html": lambda rows: tuple(tuple("<html>") for _ in rows),
    "nulls": lambda rows: tuple((values[0], None, None, None, None, None) for values in rows),
    "nan": lambda rows: (*rows[:-1], (*rows[-1][:4], math.nan, 1.0)),
    "seconds": lambda rows: tuple((values[0] // 1000, *values[1:]) for values in rows),
    "strings": lambda rows: tuple((values[0], *map(str, values[1:])) for values in rows),
    "high below low": lambda rows: tuple((t, o, low, high, c, v) for t, o, high, low, c, v in rows),
    "another timeframe": lambda rows: tuple((values[0] + 20 * MINUTE_MS, *values[1:]) for values in rows),
    "the future": lambda rows: (*rows, (HEAD_MS + 5 * HOUR_MS, 1.0, 1.0, 1.0, 1.0, 1.0)),
    "a dispute": lambda rows: (*rows, (*rows[0][:5], 123.0)),
    "short rows": lambda rows: tuple(values[:5] for values in rows),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_of_a_bad_answer_nothing_is_stored_and_the_caller_is_told(
    market: MarketService, upstream: RecordedMarket, pool: asyncpg.Pool, name: str
) -> None:
    upstream.spoil = BAD_ANSWERS[name]
    with pytest.raises(UpstreamGarbage) as caught:
        await market.bars(RECENT)
    assert caught.value.error_code == "exchange_bad_answer"
    assert await pool.fetchval("SELECT count(*) FROM bar") == 0
    assert (await upsert_series(pool, BTC, HOUR)).known == ()
    upstream.spoil = lambda rows: rows
    assert list((await market.bars(RECENT)).bars) == await truth_of(RECENT, BEGAN_MS)


async def test_an_empty_answer_is_not_kept_as_there_being_nothing(
    market: MarketService, upstream: RecordedMarket, pool: asyncpg.Pool
) -> None:
    upstream.spoil = lambda rows: rows[:0]
    history = await market.bars(RECENT)
    assert history.bars == ()
    assert_every_instant_is_told(history, BEGAN_MS)
    assert (await upsert_series(pool, BTC, HOUR)).known == ()


async def test_an_exchange_that_does_not_answer_is_left_to_itself_and_its_answer_kept(
    market: MarketService, upstream: RecordedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.bars(between(ago(30), ago(25)))
    monkeypatch.setattr("services.history_fetcher.FILL_TIMEOUT_S", 0.05)
    upstream.gate = asyncio.Event()
    with pytest.raises(UpstreamTimeout, match="simex did not answer in time") as caught:
        await market.bars(RECENT)
    assert caught.value.retry_after_s
    history = await market.bars(between(ago(30), ago(10)))
    assert (history.stale, reasons_of(history), len(history.bars)) == (True, {"outage"}, 7)
    monkeypatch.setattr("services.history_fetcher.FILL_TIMEOUT_S", DEADLINE_S)
    asker = asyncio.create_task(market.bars(RECENT))
    await asyncio.sleep(0)
    upstream.gate.set()
    assert list((await asker).bars) == await truth_of(RECENT, BEGAN_MS)
    assert len(upstream.asked) == 2


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        (replace(RECENT, instrument=replace(BTC, market="simulatd")), NotFound, "Did you mean simulated?"),
        (replace(RECENT, instrument=replace(BTC, exchange="simx")), NotFound, "Did you mean simex?"),
        (replace(RECENT, instrument=replace(BTC, symbol="BTC/USDT")), NotFound, "Did you mean BTC/USD"),
        (replace(RECENT, timeframe=MINUTE), InvalidRequest, "no bars of 1 minute. It has 1h, 1d"),
    ],
)
async def test_what_does_not_exist_is_told_before_anything_is_asked_or_stored(
    *,
    market: MarketService,
    upstream: RecordedMarket,
    pool: asyncpg.Pool,
    query: HistoryQuery,
    error: type[Exception],
    words: str,
) -> None:
    upstream.change_profile = lambda profile: replace(profile, timeframes=(HOUR, Timeframe.parse("1d")))
    with pytest.raises(error, match=words):
        await market.bars(query)
    assert upstream.asked == []
    assert await pool.fetchval("SELECT count(*) FROM series") == 0


async def test_an_old_list_of_symbols_does_not_hold_up_history(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    await market.bars(RECENT)
    hand.now_ms += INSTRUMENTS_MAX_AGE_MS
    upstream.error = AWAY
    history = await market.bars(between(ago(10), ago(5)))
    assert (len(history.bars), history.stale) == (5, False)
