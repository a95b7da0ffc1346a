"""Where nobody traded for a whole bar of a built timeframe, that is known like any bar."""

from dataclasses import replace

import asyncpg
import pytest

from services.bar_writer import write_bars
from services.derivation import empty_spans
from services.market_service import HistoryQuery, HistoryText, MarketService
from services.stores.derived_bars import Bucket
from services.stores.series import select_series
from tests.services.recorded_market import HEAD_MS, MINUTE, QUIET, RecordedMarket, opens_of
from utils.domain import HOUR_MS, MINUTE_MS, Bar, BarSource, BarState, GapReason, Span, Timeframe

TWO_MINUTES = Timeframe.parse("2m")
QUERY = HistoryQuery(QUIET, TWO_MINUTES, HEAD_MS - 6 * HOUR_MS, HEAD_MS)


@pytest.fixture
def upstream(upstream: RecordedMarket) -> RecordedMarket:
    upstream.change_profile = lambda profile: replace(profile, timeframes=(MINUTE,))
    return upstream


async def known(pool: asyncpg.Pool) -> tuple[Span, ...]:
    series = await select_series(pool, QUIET, TWO_MINUTES)
    assert series is not None
    return series.known


async def test_a_built_series_that_seldom_trades_is_known_without_holes(
    market: MarketService, pool: asyncpg.Pool
) -> None:
    history = await market.bars(QUERY)
    assert 10 < len(history.bars) < 170
    assert {gap.reason for gap in history.gaps} == {GapReason.NO_TRADES}
    assert await known(pool) == (QUERY.span(HEAD_MS),)
    # Nothing is built again: the database writes the answer.
    text = await market.text(QUERY)
    assert isinstance(text, HistoryText)
    assert (text.text.count, text.gaps, text.settled) == (len(history.bars), history.gaps, True)


async def test_a_bar_that_comes_after_all_is_built_in(market: MarketService, pool: asyncpg.Pool) -> None:
    history = await market.bars(QUERY)
    open_ms = history.gaps[0].span.start_ms
    late = Bar(open_ms, 1.0, 2.0, 0.5, 1.5, 3.0, BarState.CLOSED, 0, BarSource.SIMULATED)
    minutes = await select_series(pool, QUIET, MINUTE)
    assert minutes is not None
    async with pool.acquire() as connection, connection.transaction():
        await write_bars(connection, minutes, [late])
    again = await market.bars(QUERY)
    assert opens_of(again.bars) == sorted((*opens_of(history.bars), open_ms))


def test_only_whole_buckets_inside_what_is_known_are_empty() -> None:
    def minutes(first: int, last: int) -> Span:
        return Span(first * MINUTE_MS, last * MINUTE_MS)

    bucket = Bucket(6 * MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0, 0, 1, 1)
    found = empty_spans(
        [bucket], TWO_MINUTES, minutes(2, 20), [minutes(0, 11), minutes(13, 14), minutes(15, 30)]
    )
    assert found == (minutes(2, 6), minutes(8, 10), minutes(16, 20))
