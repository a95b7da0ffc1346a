"""Bars written together with what follows from them."""

from dataclasses import replace

import asyncpg
import pytest

from services.bar_writer import write_bars
from services.stores.bars import select_bars
from services.stores.series import Series, upsert_series
from utils.domain import HOUR_MS, Bar, BarSource, BarState, Instrument, Timeframe

OPEN_MS = 1_763_600_400_000
FOLDED = Bar(OPEN_MS, 100.0, 102.0, 99.0, 101.0, 7.5, BarState.CLOSED, 0, BarSource.TRADES)


@pytest.fixture
async def series(pool: asyncpg.Pool) -> Series:
    return await upsert_series(pool, Instrument("crypto", "bitstamp", "BTC/USD"), Timeframe.parse("1h"))


async def write(pool: asyncpg.Pool, series: Series, *bars: Bar) -> tuple[Bar, ...]:
    async with pool.acquire() as connection, connection.transaction():
        return await write_bars(connection, series, bars)


async def stored(pool: asyncpg.Pool, series: Series) -> tuple[Bar, ...]:
    return await select_bars(pool, series, start_ms=0, end_ms=2 * OPEN_MS, limit=10)


async def test_what_the_exchange_has_confirmed_no_late_trade_changes(
    pool: asyncpg.Pool, series: Series
) -> None:
    await write(pool, series, FOLDED)
    confirmed = replace(FOLDED, source=BarSource.EXCHANGE)
    assert await write(pool, series, confirmed) == ()
    assert await write(pool, series, replace(FOLDED, close=100.5, volume=8.0)) == ()
    assert await stored(pool, series) == (confirmed,)


async def test_a_late_trade_still_counts_where_the_exchange_has_not_spoken(
    pool: asyncpg.Pool, series: Series
) -> None:
    next_bar = replace(FOLDED, open_time_ms=OPEN_MS + HOUR_MS)
    await write(pool, series, FOLDED, next_bar)
    await write(pool, series, replace(next_bar, source=BarSource.EXCHANGE))
    await write(pool, series, replace(FOLDED, close=100.5, volume=8.0))
    first, second = await stored(pool, series)
    assert (first.close, first.state, first.source) == (100.5, BarState.CORRECTED, BarSource.TRADES)
    assert (second.state, second.source) == (BarState.CLOSED, BarSource.EXCHANGE)


async def test_a_forming_bar_of_the_exchange_confirms_nothing(pool: asyncpg.Pool, series: Series) -> None:
    await write(pool, series, FOLDED)
    await write(pool, series, replace(FOLDED, state=BarState.FORMING, source=BarSource.EXCHANGE))
    assert await stored(pool, series) == (FOLDED,)
