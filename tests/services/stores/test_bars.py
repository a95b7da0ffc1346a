"""Bars in real PostgreSQL: what may change a stored bar, and what may not."""

import asyncio
import math
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.stores.bars import select_bars, upsert_bars
from services.stores.series import Series, upsert_series
from utils.domain import HOUR_MS, Bar, BarSource, BarState, Instrument, Timeframe

BTC = Instrument("crypto", "bitstamp", "BTC/USD")
HOUR = Timeframe.parse("1h")
OPEN_MS = 1_714_000_000_000 // HOUR_MS * HOUR_MS
FORMING, CLOSED, CORRECTED = BarState
EXCHANGE, TRADES, DERIVED, SIMULATED = BarSource

ONE = Bar(OPEN_MS, 10.0, 12.0, 9.0, 11.0, 3.5, CLOSED)
OTHER = replace(ONE, close=11.5, volume=4.0)


@pytest.fixture
async def series(pool: asyncpg.Pool) -> Series:
    return await upsert_series(pool, BTC, HOUR)


async def stored(pool: asyncpg.Pool, series: Series) -> tuple[Bar, ...]:
    return await select_bars(pool, series, start_ms=0, end_ms=OPEN_MS * 2, limit=10_000)


async def written(pool: asyncpg.Pool, series: Series, *bars: Bar) -> Bar:
    """Write the bars one after the other and return the one that is then stored."""
    for bar in bars:
        await upsert_bars(pool, series, [bar])
    (kept,) = await stored(pool, series)
    return kept


async def test_a_bar_comes_back_as_it_went(pool: asyncpg.Pool, series: Series) -> None:
    bars = (
        ONE,
        replace(ONE, open_time_ms=OPEN_MS + HOUR_MS, state=CORRECTED, revision=3, source=TRADES),
        # The shortest text that names a float must survive: sums and prices of many digits.
        Bar(OPEN_MS + 2 * HOUR_MS, 0.1 + 0.2, 1e15, 1e-12, 67_123.45, 123_456_789.12345678, FORMING),
        Bar(OPEN_MS + 3 * HOUR_MS, 1.0, 1.0, 1.0, 1.0, 0.0, CLOSED, 0, SIMULATED),
    )
    assert await upsert_bars(pool, series, bars) == bars
    assert await stored(pool, series) == bars


@given(st.integers(100_000_000_000, 4_102_444_799_999), st.floats(1e-300, 1e300))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_millisecond_and_every_digit_survive(
    pool: asyncpg.Pool, series: Series, open_ms: int, price: float
) -> None:
    await pool.execute("DELETE FROM bar")
    bar = Bar(open_ms, price, price, price, price, price, CLOSED)
    await upsert_bars(pool, series, [bar])
    assert await select_bars(pool, series, start_ms=open_ms, end_ms=open_ms + 1, limit=1) == (bar,)


async def test_writing_nothing_is_nothing(pool: asyncpg.Pool, series: Series) -> None:
    assert await upsert_bars(pool, series, []) == ()


async def test_a_forming_bar_is_replaced_as_it_moves(pool: asyncpg.Pool, series: Series) -> None:
    moved = [replace(ONE, state=FORMING, close=close) for close in (10.0, 11.0, 9.5)]
    assert await written(pool, series, *moved) == moved[-1]
    assert await upsert_bars(pool, series, [ONE]) == (ONE,)
    assert await written(pool, series) == ONE


async def test_a_bar_that_closes_without_having_moved_is_closed(pool: asyncpg.Pool, series: Series) -> None:
    assert await written(pool, series, replace(ONE, state=FORMING), ONE) == ONE


@pytest.mark.parametrize("source", list(BarSource))
async def test_a_forming_bar_never_goes_over_a_closed_one(
    pool: asyncpg.Pool, series: Series, source: BarSource
) -> None:
    await upsert_bars(pool, series, [replace(ONE, source=SIMULATED)])
    late = replace(OTHER, state=FORMING, source=source, revision=9)
    assert await upsert_bars(pool, series, [late]) == ()
    assert await written(pool, series) == replace(ONE, source=SIMULATED)


async def test_a_correction_raises_the_revision_and_says_so(pool: asyncpg.Pool, series: Series) -> None:
    await upsert_bars(pool, series, [ONE])
    first = replace(OTHER, state=CORRECTED, revision=1)
    assert await upsert_bars(pool, series, [OTHER]) == (first,)
    second = replace(ONE, close=10.5, state=CORRECTED, revision=2)
    assert await upsert_bars(pool, series, [replace(ONE, close=10.5)]) == (second,)
    # Also back to what it once was: a client that saw revision 2 has to hear of it.
    assert await upsert_bars(pool, series, [ONE]) == (replace(ONE, state=CORRECTED, revision=3),)
    assert await stored(pool, series) == (replace(ONE, state=CORRECTED, revision=3),)


async def test_a_correction_that_names_a_higher_revision_keeps_it(pool: asyncpg.Pool, series: Series) -> None:
    given_bar = replace(OTHER, state=CORRECTED, revision=7)
    assert await written(pool, series, ONE, given_bar) == given_bar
    assert (await written(pool, series, replace(ONE, revision=2))).revision == 8


@pytest.mark.parametrize("state", list(BarState))
async def test_what_does_not_change_anything_is_not_written(
    pool: asyncpg.Pool, series: Series, state: BarState
) -> None:
    bar = replace(ONE, state=state)
    await upsert_bars(pool, series, [bar])
    version = await pool.fetchval("SELECT xmin::text || ctid::text FROM bar")
    assert await upsert_bars(pool, series, [bar]) == ()
    assert await upsert_bars(pool, series, [replace(bar, source=SIMULATED)]) == ()
    assert await pool.fetchval("SELECT xmin::text || ctid::text FROM bar") == version


async def test_only_the_bars_that_changed_are_told_oldest_first(pool: asyncpg.Pool, series: Series) -> None:
    bars = [replace(ONE, open_time_ms=OPEN_MS + number * HOUR_MS) for number in range(6)]
    await upsert_bars(pool, series, bars[:4])
    sent = [*reversed(bars[2:]), replace(bars[1], close=9.5)]
    changed = await upsert_bars(pool, series, sent)
    assert changed == (replace(bars[1], close=9.5, state=CORRECTED, revision=1), bars[4], bars[5])


@pytest.mark.parametrize("known", list(BarSource))
@pytest.mark.parametrize("given_source", list(BarSource))
async def test_a_closed_bar_yields_only_to_an_equal_or_better_source(
    pool: asyncpg.Pool, series: Series, known: BarSource, given_source: BarSource
) -> None:
    await upsert_bars(pool, series, [replace(ONE, source=known)])
    changed = await upsert_bars(pool, series, [replace(OTHER, source=given_source)])
    order = list(BarSource)
    if order.index(given_source) <= order.index(known):
        assert changed == (replace(OTHER, source=given_source, state=CORRECTED, revision=1),)
    else:
        assert changed == ()
        assert await written(pool, series) == replace(ONE, source=known)


async def test_the_exchange_has_the_last_word_over_trades(pool: asyncpg.Pool, series: Series) -> None:
    ours, theirs = replace(ONE, source=TRADES), replace(OTHER, source=EXCHANGE)
    corrected = replace(theirs, state=CORRECTED, revision=1)
    assert await written(pool, series, ours, theirs) == corrected
    assert await written(pool, series, replace(ONE, source=TRADES, volume=99.0)) == corrected


async def test_a_better_source_that_says_the_same_leaves_the_bar_as_it_is(
    pool: asyncpg.Pool, series: Series
) -> None:
    ours = replace(ONE, source=TRADES)
    await upsert_bars(pool, series, [ours])
    assert await upsert_bars(pool, series, [replace(ONE, source=EXCHANGE)]) == ()
    assert await stored(pool, series) == (ours,)


async def test_series_do_not_see_each_other(pool: asyncpg.Pool, series: Series) -> None:
    other = await upsert_series(pool, BTC, Timeframe.parse("1d"))
    await upsert_bars(pool, series, [ONE])
    await upsert_bars(pool, other, [replace(OTHER, state=FORMING)])
    assert await stored(pool, series) == (ONE,)
    assert await stored(pool, other) == (replace(OTHER, state=FORMING),)


async def test_bars_are_selected_from_the_start_up_to_the_end_and_the_limit(
    pool: asyncpg.Pool, series: Series
) -> None:
    bars = tuple(replace(ONE, open_time_ms=OPEN_MS + number * HOUR_MS) for number in range(10))
    await upsert_bars(pool, series, bars)
    start_ms, end_ms = bars[2].open_time_ms, bars[7].open_time_ms
    assert await select_bars(pool, series, start_ms=start_ms, end_ms=end_ms, limit=99) == bars[2:7]
    assert await select_bars(pool, series, start_ms=start_ms + 1, end_ms=end_ms + 1, limit=99) == bars[3:8]
    assert await select_bars(pool, series, start_ms=start_ms, end_ms=end_ms, limit=2) == bars[2:4]
    assert await select_bars(pool, series, start_ms=end_ms, end_ms=start_ms, limit=99) == ()


async def test_writers_of_the_same_bars_at_once_leave_one_truth(pool: asyncpg.Pool, series: Series) -> None:
    bars = [replace(ONE, open_time_ms=OPEN_MS + number * HOUR_MS) for number in range(50)]
    batches = [[replace(bar, close=9.0 + writer / 10) for bar in bars] for writer in range(8)]
    told = await asyncio.gather(*(upsert_bars(pool, series, batch) for batch in batches))
    kept = await stored(pool, series)
    assert [bar.revision for bar in kept] == [7] * 50
    for bar in kept:
        revisions = [each for batch in told for each in batch if each.open_time_ms == bar.open_time_ms]
        assert sorted(each.revision for each in revisions) == list(range(8))
        assert bar in revisions


BROKEN = (
    *({column: value} for column in ("open", "high", "low", "close", "volume") for value in (math.nan,)),
    *({column: math.inf} for column in ("open", "high", "low", "close", "volume")),
    *({column: -math.inf} for column in ("open", "high", "low", "close", "volume")),
    {"low": 0.0},
    {"low": -1.0},
    {"open": -1.0, "low": -2.0},
    {"high": 10.5},
    {"low": 10.5},
    {"open": 12.5},
    {"close": 8.5},
    {"volume": -0.1},
    {"revision": -1},
    dict.fromkeys(("open", "high", "low", "close", "volume"), math.nan),
    dict.fromkeys(("open", "high", "low", "close"), math.inf),
)


@pytest.mark.parametrize("state", [FORMING, CLOSED])
async def test_the_table_itself_refuses_what_is_no_bar(
    pool: asyncpg.Pool, series: Series, state: BarState
) -> None:
    good = replace(ONE, open_time_ms=OPEN_MS + HOUR_MS, state=state)
    for broken in BROKEN:
        with pytest.raises(asyncpg.CheckViolationError):
            await upsert_bars(pool, series, [good, replace(ONE, state=state, **broken)])
    assert await stored(pool, series) == ()
    await upsert_bars(pool, series, [replace(ONE, state=FORMING)])
    for broken in BROKEN[:-3]:
        with pytest.raises(asyncpg.CheckViolationError):
            await upsert_bars(pool, series, [replace(ONE, state=state, **broken)])


# Every way a bar may be written, as an exchange, the trades and the clock bring it about.
writes = st.builds(
    Bar,
    st.just(OPEN_MS),
    st.just(10.0),
    st.just(12.0),
    st.just(9.0),
    st.sampled_from([10.0, 11.0]),
    st.just(1.0),
    st.sampled_from([FORMING, CLOSED]),
    st.just(0),
    st.sampled_from([EXCHANGE, TRADES]),
)


@given(st.lists(writes, max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_written_a_closed_bar_stays_closed_and_revisions_count_its_changes(
    pool: asyncpg.Pool, series: Series, sent: list[Bar]
) -> None:
    await pool.execute("DELETE FROM bar")
    before: Bar | None = None
    for bar in sent:
        changed = await upsert_bars(pool, series, [bar])
        (after,) = await stored(pool, series)
        assert changed in ((), (after,))
        if before is None or not before.final:
            assert (after.values, after.final) == (bar.values, bar.final)
            assert after.revision == 0
        else:
            assert after.final
            assert after.revision == before.revision + (after.values != before.values)
            assert (after.state is CORRECTED) is (after.revision > 0)
            assert before.source is not EXCHANGE or after.source is EXCHANGE
            if bar.final and bar.source is EXCHANGE:
                assert after.values == bar.values
        before = after
