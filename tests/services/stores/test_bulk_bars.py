"""Bars written by COPY: the same rule as bars written one by one, and all of them or none."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.stores.bars import ARRAYS_MAX, select_bars, upsert_bars
from services.stores.bulk_bars import BATCH_BARS, copy_bars, copy_bars_back
from services.stores.series import Series, upsert_series
from utils.domain import MINUTE_MS, Bar, BarSource, BarState, Instrument, Timeframe

BTC = Instrument("crypto", "bitstamp", "BTC/USD")
MINUTE = Timeframe.parse("1m")
OPEN_MS = 1_714_000_000_000 // MINUTE_MS * MINUTE_MS
FORMING, CLOSED, CORRECTED = BarState
MANY = BATCH_BARS + 3


def bar(number: int, close: float = 10.5, **changes: object) -> Bar:
    return replace(Bar(OPEN_MS + number * MINUTE_MS, 10.0, 12.0, 9.0, close, 0.1 + 0.2, CLOSED), **changes)


@pytest.fixture
async def series(pool: asyncpg.Pool) -> Series:
    return await upsert_series(pool, BTC, MINUTE)


async def stored(pool: asyncpg.Pool, series: Series) -> tuple[Bar, ...]:
    return await select_bars(pool, series, start_ms=0, end_ms=OPEN_MS * 2, limit=100_000)


bars = st.builds(
    bar,
    st.integers(0, 3),
    st.sampled_from([10.0, 10.5, 11.0]),
    state=st.sampled_from(BarState),
    revision=st.integers(0, 3),
    source=st.sampled_from(BarSource),
)
batches = st.lists(bars, max_size=4, unique_by=lambda each: each.open_time_ms)


@given(st.lists(batches, max_size=5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_copied_ends_as_if_it_had_been_sent_in_arrays(
    pool: asyncpg.Pool, sent: list[list[Bar]]
) -> None:
    await pool.execute("DELETE FROM bar")
    ways = [await upsert_series(pool, replace(BTC, symbol=name), MINUTE) for name in ("A/B", "C/D", "E/F")]
    arrays, back, opens = ways
    for batch in sent:
        changed = await upsert_bars(pool, arrays, batch)
        assert await copy_bars_back(pool, back, batch) == changed
        assert await copy_bars(pool, opens, batch) == tuple(each.open_time_ms for each in changed)
    truth = await stored(pool, arrays)
    assert await stored(pool, back) == truth
    assert await stored(pool, opens) == truth


async def test_more_bars_than_one_batch_come_back_as_they_went(pool: asyncpg.Pool, series: Series) -> None:
    given_bars = tuple(bar(number, 9.5 + number % 7 / 10) for number in range(MANY))
    # In any order: what returns is sorted.
    assert await copy_bars(pool, series, given_bars[::-1]) == tuple(each.open_time_ms for each in given_bars)
    assert await stored(pool, series) == given_bars
    assert await copy_bars(pool, series, given_bars) == ()
    assert await copy_bars_back(pool, series, given_bars) == ()


async def test_only_what_changed_is_told(pool: asyncpg.Pool, series: Series) -> None:
    await copy_bars(pool, series, [bar(number) for number in range(1_000)])
    sent = [bar(number, 11.0 if number == 700 else 10.5) for number in range(500, 1_002)]
    changed = await copy_bars_back(pool, series, sent)
    assert changed == (bar(700, 11.0, state=CORRECTED, revision=1), bar(1_000), bar(1_001))


async def test_many_bars_at_once_take_the_fast_way_and_follow_the_same_rule(
    pool: asyncpg.Pool, series: Series
) -> None:
    first = [bar(number) for number in range(ARRAYS_MAX + 1)]
    assert await upsert_bars(pool, series, first) == tuple(first)
    second = [replace(each, close=11.0) for each in first]
    corrected = tuple(replace(each, state=CORRECTED, revision=1) for each in second)
    assert await upsert_bars(pool, series, second) == corrected
    assert await upsert_bars(pool, series, [replace(each, state=FORMING) for each in first]) == ()
    assert await stored(pool, series) == corrected


async def test_one_bad_bar_among_many_leaves_nothing_stored(pool: asyncpg.Pool, series: Series) -> None:
    # The last one of the second batch: the first has been written by then.
    bad = [*(bar(number) for number in range(MANY - 1)), bar(MANY, low=0.0)]
    with pytest.raises(asyncpg.CheckViolationError):
        await copy_bars(pool, series, bad)
    assert await stored(pool, series) == ()
    assert await copy_bars(pool, series, [bar(1)]) == (bar(1).open_time_ms,)
    assert await stored(pool, series) == (bar(1),)


async def test_batches_of_one_transaction_do_not_mix(pool: asyncpg.Pool, series: Series) -> None:
    other = await upsert_series(pool, replace(BTC, symbol="ETH/USD"), MINUTE)
    async with pool.acquire() as connection:
        async with connection.transaction():
            assert len(await copy_bars(connection, series, [bar(0), bar(1)])) == 2
            assert len(await copy_bars(connection, other, [bar(2)])) == 1
        assert await connection.fetchval("SELECT count(*) FROM pg_temp.incoming_bar") == 0
    assert await stored(pool, series) == (bar(0), bar(1))
    assert await stored(pool, other) == (bar(2),)


async def test_what_the_caller_takes_back_was_never_written(pool: asyncpg.Pool, series: Series) -> None:
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await copy_bars(connection, series, [bar(0)])
        await transaction.rollback()
        assert await copy_bars(connection, series, [bar(1)]) == (bar(1).open_time_ms,)
    assert await stored(pool, series) == (bar(1),)


async def test_writers_of_the_same_bars_at_once_leave_one_truth(pool: asyncpg.Pool, series: Series) -> None:
    numbers = range(1_200)
    # Each in an order of its own: locks are taken in one.
    given_batches = [
        [bar(number, 9.5 + writer / 10) for number in numbers[:: 1 if writer % 2 else -1]]
        for writer in range(6)
    ]
    await asyncio.gather(*(copy_bars(pool, series, batch) for batch in given_batches))
    kept = await stored(pool, series)
    assert [each.revision for each in kept] == [5] * 1_200
    assert len({each.close for each in kept}) == 1
