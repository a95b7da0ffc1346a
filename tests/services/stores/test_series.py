"""What is known of a series, in real PostgreSQL."""

import asyncio

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.spans import merge_spans
from services.stores.series import Series, select_series, update_known, upsert_quiet, upsert_series
from utils.domain import HOUR_MS, MINUTE_MS, Instrument, Span, Timeframe

BTC = Instrument("crypto", "bitstamp", "BTC/USD")
HOUR = Timeframe.parse("1h")

ticks = st.integers(0, 60).map(lambda tick: tick * HOUR_MS)
spans = st.tuples(ticks, ticks).map(lambda pair: Span(min(pair), max(pair)))


async def known(pool: asyncpg.Pool, series: Series) -> tuple[Span, ...]:
    found = await select_series(pool, series.instrument, series.timeframe)
    assert found is not None
    return found.known


async def test_a_series_nobody_asked_for_is_not_there(pool: asyncpg.Pool) -> None:
    assert await select_series(pool, BTC, HOUR) is None


async def test_a_new_series_knows_nothing(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    assert series == Series(series.series_id, BTC, HOUR, (), None, None)
    assert await select_series(pool, BTC, HOUR) == series


async def test_a_series_is_made_once_however_many_ask_at_once(pool: asyncpg.Pool) -> None:
    made = await asyncio.gather(*(upsert_series(pool, BTC, HOUR) for _ in range(50)))
    assert len({series.series_id for series in made}) == 1
    assert await pool.fetchval("SELECT count(*) FROM series") == 1


async def test_each_instrument_and_timeframe_has_a_series_of_its_own(pool: asyncpg.Pool) -> None:
    others = (
        (Instrument("simulated", "bitstamp", "BTC/USD"), HOUR),
        (Instrument("crypto", "kraken", "BTC/USD"), HOUR),
        (Instrument("crypto", "bitstamp", "btc/usd"), HOUR),
        (BTC, Timeframe.parse("1M")),
        (BTC, Timeframe.parse("1m")),
        (BTC, HOUR),
    )
    made = [await upsert_series(pool, *other) for other in others]
    assert len({series.series_id for series in made}) == len(others)
    assert [(series.instrument, series.timeframe) for series in made] == list(others)


async def test_one_hour_and_sixty_minutes_are_one_series(pool: asyncpg.Pool) -> None:
    one = await upsert_series(pool, BTC, Timeframe.parse("60"))
    assert await upsert_series(pool, BTC, HOUR) == one


async def test_known_spans_that_touch_become_one(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    await update_known(pool, series.series_id, [Span(0, 5), Span(9, 12)])
    assert await known(pool, series) == (Span(0, 5), Span(9, 12))
    await update_known(pool, series.series_id, [Span(5, 9)])
    assert await known(pool, series) == (Span(0, 12),)


@given(st.lists(st.lists(spans, max_size=4), max_size=4))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_known_only_grows_and_is_what_was_added(
    pool: asyncpg.Pool, added: list[list[Span]]
) -> None:
    await pool.execute("DELETE FROM series")
    series = await upsert_series(pool, BTC, HOUR)
    for batch in added:
        await update_known(pool, series.series_id, batch)
    assert list(await known(pool, series)) == merge_spans(span for batch in added for span in batch)


async def test_additions_at_the_same_time_are_all_kept(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    added = [Span(number * 10, number * 10 + 5) for number in range(40)]
    await asyncio.gather(*(update_known(pool, series.series_id, [span]) for span in added))
    assert await known(pool, series) == tuple(added)


async def test_nothing_known_of_another_series_changes(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    other = await upsert_series(pool, BTC, Timeframe.parse("1d"))
    await update_known(pool, series.series_id, [Span(0, 5)], checked_ms=7, first_bar_ms=1)
    assert await upsert_series(pool, other.instrument, other.timeframe) == other


async def test_the_check_time_never_goes_back(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    seen = []
    for checked_ms in (None, 500, 300, None, 900):
        await update_known(pool, series.series_id, [], checked_ms=checked_ms)
        seen.append((await upsert_series(pool, BTC, HOUR)).checked_ms)
    assert seen == [None, 500, 500, 500, 900]


async def test_the_first_bar_is_learned_once(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    seen = []
    for first_bar_ms in (None, 500, 300, None):
        await update_known(pool, series.series_id, [], first_bar_ms=first_bar_ms)
        seen.append((await upsert_series(pool, BTC, HOUR)).first_bar_ms)
    assert seen == [None, 500, 500, 500]


async def test_times_of_any_year_come_back_as_they_went(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    far = (Span(-(10**12), -(10**12) + 1), Span(4_102_444_799_999, 4_102_444_800_000))
    await update_known(pool, series.series_id, far, checked_ms=4_102_444_799_999)
    found = await upsert_series(pool, BTC, HOUR)
    assert found.known == far
    assert found.checked_ms == 4_102_444_799_999


async def test_a_reversed_span_is_refused(pool: asyncpg.Pool) -> None:
    series = await upsert_series(pool, BTC, HOUR)
    with pytest.raises(asyncpg.DataError):
        await update_known(pool, series.series_id, [Span(5, 0)])
    assert await known(pool, series) == ()


async def test_what_was_quiet_is_forgotten_once_it_no_longer_counts(pool: asyncpg.Pool) -> None:
    minute, other = (
        await upsert_series(pool, BTC, Timeframe.parse("1m")),
        await upsert_series(pool, BTC, HOUR),
    )
    now_ms = int(await pool.fetchval("SELECT date_part('epoch', now()) * 1000"))
    for asked in range(3):
        span = Span(asked * MINUTE_MS, (asked + 1) * MINUTE_MS)
        await upsert_quiet(pool, minute.series_id, span, asked_ms=now_ms)
        await upsert_quiet(pool, other.series_id, span, asked_ms=now_ms)
    # Old spans count for a day.
    await pool.execute("UPDATE quiet_span SET checked_at = now() - INTERVAL '25 hours' WHERE start_ms = 0")
    await pool.execute("UPDATE quiet_span SET checked_at = now() - INTERVAL '23 hours' WHERE start_ms > 0")
    before = await select_series(pool, BTC, minute.timeframe)
    assert before is not None
    assert before.quiet == (Span(MINUTE_MS, 2 * MINUTE_MS), Span(2 * MINUTE_MS, 3 * MINUTE_MS))
    later = Span(9 * MINUTE_MS, 10 * MINUTE_MS)
    await upsert_quiet(pool, minute.series_id, later, asked_ms=now_ms)
    after = await select_series(pool, BTC, minute.timeframe)
    assert after is not None
    assert after.quiet == (*before.quiet, later)
    rows = await pool.fetch(
        "SELECT series_id, count(*) FROM quiet_span GROUP BY series_id ORDER BY series_id"
    )
    assert [tuple(row) for row in rows] == [(minute.series_id, 3), (other.series_id, 3)]
