"""A file of bars is stored whole or not at all, and then history is answered from it."""

import itertools
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import csv_checks
from services.bar_import import BarImport, ImportOrder, ImportReport
from services.catalog import Catalog
from services.market_service import HistoryQuery, MarketService
from services.stores.bars import select_bars
from services.stores.series import Series, upsert_series
from tests.services.recorded_market import AWAY, BEGAN_MS, BTC, HEAD_MS, HOUR, HandClock, RecordedMarket, ago
from utils.domain import HOUR_MS, Bar, BarSource, BarState, Span, Timeframe, Topic
from utils.errors import InvalidRequest, NotFound

HEADER = "time,open,high,low,close,volume"
ORDER = ImportOrder(BTC, HOUR, UTC, written_ms=BEGAN_MS)


class Told:
    """Note what was announced."""

    def __init__(self) -> None:
        self.topics: list[Topic] = []

    async def announce(self, topics: Collection[Topic]) -> None:
        self.topics += topics


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def bar_import(pool: asyncpg.Pool, catalog: Catalog, told: Told) -> BarImport:
    return BarImport(pool=pool, catalog=catalog, announce=told.announce)


def row(open_ms: int, close: float = 11.0) -> str:
    return f"{open_ms},10,12,9,{close},0.5"


def bar(open_ms: int, close: float = 11.0, state: BarState = BarState.CLOSED, revision: int = 0) -> Bar:
    return Bar(open_ms, 10.0, 12.0, 9.0, close, 0.5, state, revision, BarSource.SIMULATED)


def file(rows: Iterable[str]) -> list[str]:
    return [f"{line}\n" for line in (HEADER, *rows)]


async def stored(pool: asyncpg.Pool) -> tuple[Series, list[Bar]]:
    series = await upsert_series(pool, BTC, HOUR)
    return series, list(await select_bars(pool, series, start_ms=0, end_ms=BEGAN_MS * 2, limit=100_000))


async def run(bar_import: BarImport, *rows: str, order: ImportOrder = ORDER) -> ImportReport:
    return await bar_import.run(order, file(rows))


async def test_rows_become_closed_bars_and_consecutive_ones_known_time(
    bar_import: BarImport, pool: asyncpg.Pool
) -> None:
    hours = (100, 99, 98, 95, 94)
    report = await run(bar_import, *(row(ago(hour)) for hour in hours))

    series, bars = await stored(pool)
    assert bars == [bar(ago(hour)) for hour in hours]
    assert series.known == (Span(ago(100), ago(97)), Span(ago(95), ago(93)))
    assert report.spans == series.known
    assert (report.bars, report.changed, report.stored, report.bad.count) == (5, 5, True, 0)
    assert (report.forming_ms, report.unchecked) == (None, None)


async def test_a_hole_in_the_file_is_still_asked_of_the_exchange_and_nothing_else_is(
    bar_import: BarImport, market: MarketService, upstream: RecordedMarket
) -> None:
    await run(bar_import, *(row(ago(hour)) for hour in range(100, 80, -1) if hour != 90))
    history = await market.bars(HistoryQuery(BTC, HOUR, ago(100), ago(80)))
    assert [asked.start_ms for asked in upstream.asked] == [ago(90)]
    # The answer reaches a little beyond the hole, and the exchange has the last word.
    assert [each.close for each in history.bars[:10]] == [11.0] * 10
    assert len(history.bars) == 20
    assert history.gaps == ()
    upstream.asked.clear()
    await market.bars(HistoryQuery(BTC, HOUR, ago(89), ago(80)))
    assert upstream.asked == []


async def test_newest_first_and_in_any_order_is_the_same_file(
    bar_import: BarImport, pool: asyncpg.Pool
) -> None:
    opens = [ago(hour) for hour in range(50, 0, -1)]
    await run(bar_import, *(row(open_ms) for open_ms in reversed(opens)))
    assert (await stored(pool))[1] == [bar(open_ms) for open_ms in opens]
    shuffled = [*opens[25:], *opens[:25]]
    report = await run(bar_import, *(row(open_ms) for open_ms in shuffled))
    assert report.changed == 0
    assert report.spans == (Span(opens[0], HEAD_MS),)


@pytest.mark.parametrize(
    "bad",
    ["nonsense", row(ago(10) + 1), row(ago(10), 99.0), row(ago(-2)), "1,2,3", "2024-01-01 05:00,x,12,9,11,1"],
)
async def test_one_bad_row_keeps_everything_from_being_stored(
    bar_import: BarImport, pool: asyncpg.Pool, told: Told, bad: str
) -> None:
    report = await run(bar_import, row(ago(20)), row(ago(19)), bad, row(ago(18)))
    assert (report.stored, report.changed, report.bad.count, report.bars) == (False, 0, 1, 3)
    assert report.bad.first[0].line == 4
    assert await stored(pool) == (await upsert_series(pool, BTC, HOUR), [])
    assert (await stored(pool))[0].known == ()
    assert told.topics == []


async def test_bad_rows_can_be_left_out_and_leave_a_hole(bar_import: BarImport, pool: asyncpg.Pool) -> None:
    order = replace(ORDER, skip_bad_rows=True)
    rows = (row(ago(20)), row(ago(19), 99.0), row(ago(18)), row(ago(17)), row(ago(17), 10.5))
    report = await run(bar_import, *rows, order=order)
    series, bars = await stored(pool)
    assert bars == [bar(ago(20)), bar(ago(18))]
    assert series.known == (Span(ago(20), ago(19)), Span(ago(18), ago(17)))
    assert (report.stored, report.changed, report.bad.count) == (True, 2, 3)


async def test_a_file_of_bad_rows_alone_stores_nothing(bar_import: BarImport, pool: asyncpg.Pool) -> None:
    report = await run(bar_import, "x", "y", order=replace(ORDER, skip_bad_rows=True))
    assert (report.stored, report.bars, report.bad.count, report.spans) == (False, 0, 2, ())
    assert (await stored(pool))[1] == []


async def test_a_dry_run_tells_everything_and_stores_nothing(
    bar_import: BarImport, pool: asyncpg.Pool
) -> None:
    report = await run(bar_import, row(ago(20)), order=replace(ORDER, dry_run=True))
    assert (report.stored, report.bars, report.spans) == (False, 1, (Span(ago(20), ago(19)),))
    assert (await stored(pool))[1] == []
    assert (await stored(pool))[0].known == ()


@pytest.mark.parametrize(
    ("written_ms", "forming"),
    [
        (ago(0) - 1, True),
        (ago(0) + 1_999, True),
        (ago(0) + 2_000, False),
        (BEGAN_MS + 10**9, False),
        # A file that seems older than its rows has lost the time of its writing.
        (0, False),
    ],
)
async def test_a_last_row_that_had_not_closed_when_the_file_was_written_stays_open(
    bar_import: BarImport, pool: asyncpg.Pool, written_ms: int, *, forming: bool
) -> None:
    report = await run(bar_import, row(ago(2)), row(ago(1)), order=replace(ORDER, written_ms=written_ms))
    series, bars = await stored(pool)
    last = bar(ago(1), state=BarState.FORMING if forming else BarState.CLOSED)
    assert bars == [bar(ago(2)), last]
    assert report.forming_ms == (ago(1) if forming else None)
    assert series.known == (Span(ago(2), ago(1) if forming else ago(0)),)


async def test_the_bar_of_now_is_forming_whatever_the_file_says(
    bar_import: BarImport, pool: asyncpg.Pool
) -> None:
    order = replace(ORDER, written_ms=BEGAN_MS + 10**9)
    report = await run(bar_import, row(ago(1)), row(ago(0)), order=order)
    assert report.forming_ms == HEAD_MS
    assert [each.state for each in (await stored(pool))[1]] == [BarState.CLOSED, BarState.FORMING]


async def test_importing_again_changes_nothing_and_other_values_are_corrections(
    bar_import: BarImport, pool: asyncpg.Pool, told: Told
) -> None:
    rows = [row(ago(hour)) for hour in range(10, 5, -1)]
    assert (await run(bar_import, *rows)).changed == 5
    told.topics.clear()
    assert (await run(bar_import, *rows)).changed == 0
    assert told.topics == []
    assert (await run(bar_import, *rows[:-1], row(ago(6), 10.5))).changed == 1
    assert (await stored(pool))[1][-1] == bar(ago(6), 10.5, BarState.CORRECTED, 1)
    assert told.topics == [Topic(BTC, HOUR)]


async def test_what_was_built_from_changed_bars_is_built_again(
    bar_import: BarImport, market: MarketService, told: Told
) -> None:
    two_hours = Timeframe.parse("2h")
    start_ms = two_hours.floor(ago(40))
    query = HistoryQuery(BTC, two_hours, start_ms, start_ms + 10 * HOUR_MS)
    before = (await market.bars(query)).bars
    assert len(before) == 5

    await run(bar_import, row(start_ms + 2 * HOUR_MS), row(start_ms + 3 * HOUR_MS, 10.5))

    after = (await market.bars(query)).bars
    assert after[1].values == (10.0, 12.0, 9.0, 10.5, 1.0)
    assert (after[0], *after[2:]) == (before[0], *before[2:])
    assert set(told.topics) == {Topic(BTC, HOUR), Topic(BTC, two_hours)}


async def test_a_file_longer_than_a_chunk_is_one_file(
    bar_import: BarImport, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_checks, "CHUNK_ROWS", 7)
    opens = [ago(hour) for hour in range(50, 0, -1)]
    report = await run(bar_import, *(row(open_ms) for open_ms in opens))
    assert report.spans == (Span(opens[0], HEAD_MS),)
    assert (await stored(pool))[1] == [bar(open_ms) for open_ms in opens]
    assert (await stored(pool))[0].known == report.spans


async def test_a_store_that_fails_on_the_way_keeps_nothing(
    bar_import: BarImport, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_checks, "CHUNK_ROWS", 5)
    await pool.execute("ALTER TABLE bar ADD CONSTRAINT refused CHECK (close <> 10.25)")
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await run(bar_import, *(row(ago(hour)) for hour in range(20, 2, -1)), row(ago(2), 10.25))
    finally:
        await pool.execute("ALTER TABLE bar DROP CONSTRAINT refused")
    series, bars = await stored(pool)
    assert (bars, series.known) == ([], ())


async def test_an_unknown_place_is_refused_with_what_was_meant(bar_import: BarImport) -> None:
    for wrong, sentence in (
        (replace(BTC, market="simulatd"), "Did you mean simulated"),
        (replace(BTC, exchange="simx"), "Did you mean simex"),
        (replace(BTC, symbol="BTCUSD"), "Did you mean BTC/USD"),
    ):
        with pytest.raises(NotFound, match=sentence):
            await run(bar_import, row(ago(2)), order=replace(ORDER, instrument=wrong))
    with pytest.raises(InvalidRequest, match="simex has no bars of 1 week"):
        await run(bar_import, row(ago(2)), order=replace(ORDER, timeframe=Timeframe.parse("1w")))


async def test_without_the_exchange_a_file_is_taken_in_and_the_doubt_is_told(
    bar_import: BarImport, upstream: RecordedMarket, pool: asyncpg.Pool
) -> None:
    upstream.error = AWAY
    report = await run(bar_import, row(ago(2)))
    assert report.unchecked == AWAY.detail
    assert (await stored(pool))[1] == [bar(ago(2))]


@pytest.mark.parametrize("lines", [[f"{HEADER}\n"], [f"{HEADER}\n", "\n", ",,,,,\n"]])
async def test_a_file_without_rows_is_told_so(bar_import: BarImport, lines: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="no rows below the names"):
        await bar_import.run(ORDER, lines)


@given(st.sets(st.integers(1, 40), max_size=40), st.randoms(use_true_random=False))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_known_is_exactly_what_the_file_holds(
    bar_import: BarImport, pool: asyncpg.Pool, hand: HandClock, hours: set[int], random: object
) -> None:
    await pool.execute("TRUNCATE bar, series CASCADE")
    # Two neighbours show how long a bar is.
    hours |= {41, 42} if hours else set()
    rows = [row(ago(hour)) for hour in hours] or [row(ago(1)), "bad"]
    random.shuffle(rows)
    await run(bar_import, *rows)
    series, bars = await stored(pool)
    if not hours:
        assert (series.known, bars) == ((), [])
        return
    assert [each.open_time_ms for each in bars] == sorted(ago(hour) for hour in hours)
    covered = itertools.chain.from_iterable(
        range(span.start_ms, span.end_ms, HOUR_MS) for span in series.known
    )
    assert list(covered) == [each.open_time_ms for each in bars]
