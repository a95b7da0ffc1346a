"""Filling holes of history: page by page into real PostgreSQL, and nothing of a bad answer."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.base import BarPage, LiveMode, VenueProfile
from services.bar_checks import CLOSE_GRACE_MS
from services.history_filler import CheckedPage, HistoryFiller, read_page
from services.quarantine import Quarantine
from services.stores.bars import select_bars
from services.stores.series import Series, select_series, upsert_series
from tests.services.recorded_market import (
    BEGAN_MS,
    BTC,
    HOUR,
    MINUTE,
    QUIET,
    HandClock,
    RecordedMarket,
    Rows,
    true_bars,
)
from utils.domain import HOUR_MS, MINUTE_MS, Bar, BarSource, BarState, Instrument, Span, Timeframe
from utils.errors import UpstreamDown, UpstreamGarbage, UpstreamTimeout

PAGE_BARS = 10
HEAD_MS = HOUR.floor(BEGAN_MS)
SERIES = Series(1, BTC, HOUR, (), None, None)
PROFILE = VenueProfile((HOUR,), page_bars=PAGE_BARS, live_mode=LiveMode.POLL, source=BarSource.SIMULATED)
CLOSED_ONLY = VenueProfile((HOUR,), page_bars=PAGE_BARS, live_mode=LiveMode.POLL, forming_included=False)


def row(open_ms: int, close: float = 11.0) -> tuple[object, ...]:
    return (open_ms, 10.0, 12.0, 9.0, close, 1.0)


def hours(*numbers: int) -> Rows:
    """Return a row for each number of hours before the bar that is now forming."""
    return tuple(row(HEAD_MS - number * HOUR_MS) for number in numbers)


def page_of(
    rows: Rows, start_ms: int, *, now_ms: int = BEGAN_MS, profile: VenueProfile = PROFILE
) -> CheckedPage:
    return read_page(BarPage(rows, now_ms), SERIES, profile, Span(start_ms, HOUR.next(now_ms)))


def test_a_page_makes_known_what_lies_from_the_question_to_its_last_closed_bar() -> None:
    start_ms = HEAD_MS - 9 * HOUR_MS
    page = page_of(hours(7, 5, 4), start_ms)
    assert [bar.state for bar in page.bars] == [BarState.CLOSED] * 3
    # Also before its first bar and between its bars: the exchange was asked, and has nothing there.
    assert page.known == Span(start_ms, HEAD_MS - 3 * HOUR_MS)
    assert page.next_ms == HEAD_MS - 3 * HOUR_MS
    assert page.exchange_time_ms == BEGAN_MS


def test_a_forming_bar_is_the_end_and_is_not_known() -> None:
    page = page_of(hours(1, 0), HEAD_MS - HOUR_MS)
    assert [bar.state for bar in page.bars] == [BarState.CLOSED, BarState.FORMING]
    assert page.known == Span(HEAD_MS - HOUR_MS, HEAD_MS)
    assert page.next_ms is None


def test_what_a_forming_bar_follows_is_known_although_nothing_of_it_traded() -> None:
    assert page_of(hours(0), HEAD_MS).known is None
    # The first bar at or after the question is the forming one: there is none before it.
    assert page_of(hours(0), HEAD_MS - 3 * HOUR_MS).known == Span(HEAD_MS - 3 * HOUR_MS, HEAD_MS)
    assert page_of(hours(3, 0), HEAD_MS - 4 * HOUR_MS).known == Span(HEAD_MS - 4 * HOUR_MS, HEAD_MS)


def test_where_only_closed_bars_are_sent_the_last_of_them_is_the_end() -> None:
    page = page_of(hours(2, 1), HEAD_MS - 2 * HOUR_MS, profile=CLOSED_ONLY)
    assert [bar.state for bar in page.bars] == [BarState.CLOSED] * 2
    assert page.known == Span(HEAD_MS - 2 * HOUR_MS, HEAD_MS)
    assert page.next_ms is None
    assert page_of(hours(3, 2), HEAD_MS - 3 * HOUR_MS, profile=CLOSED_ONLY).next_ms == HEAD_MS - HOUR_MS


def test_a_bar_that_is_over_but_not_yet_proven_closed_is_not_the_newest() -> None:
    page = page_of(hours(1), HEAD_MS - HOUR_MS, now_ms=HEAD_MS + CLOSE_GRACE_MS - 1)
    assert [bar.state for bar in page.bars] == [BarState.FORMING]
    assert (page.known, page.next_ms) == (None, HEAD_MS)


def test_an_empty_page_is_the_end_and_makes_nothing_known_but_what_is_over_quiet() -> None:
    quiet = Span(HEAD_MS - HOUR_MS, HEAD_MS)
    assert page_of((), HEAD_MS - HOUR_MS) == CheckedPage((), None, None, BEGAN_MS, quiet)
    assert page_of((), HEAD_MS) == CheckedPage((), None, None, BEGAN_MS)


def test_an_interval_that_has_only_just_ended_is_not_called_quiet() -> None:
    # A last trade may still be on its way to being booked, as for a bar that is not yet called closed.
    start_ms = HEAD_MS - 2 * HOUR_MS
    soon = page_of((), start_ms, now_ms=HEAD_MS + CLOSE_GRACE_MS - 1)
    assert soon.quiet == Span(start_ms, HEAD_MS - HOUR_MS)
    later = page_of((), start_ms, now_ms=HEAD_MS + CLOSE_GRACE_MS)
    assert later.quiet == Span(start_ms, HEAD_MS)


@pytest.mark.parametrize("rows", [hours(1, 0), ()], ids=["bars", "none"])
def test_what_the_exchange_has_dropped_since_it_was_asked_is_not_called_empty(rows: Rows) -> None:
    profile = replace(PROFILE, history_bars=5)
    asked_ms = HEAD_MS - 5 * HOUR_MS
    page = page_of(rows, asked_ms, profile=profile)
    proven = page.known or page.quiet
    # Asked while the hour before was forming: by now, the oldest bar of then is gone.
    assert proven == Span(HEAD_MS - 4 * HOUR_MS, HEAD_MS)


def test_the_oldest_bars_count_from_the_first_that_came() -> None:
    profile = replace(PROFILE, history_bars=5)
    start_ms = HEAD_MS - 5 * HOUR_MS
    early = page_of(hours(5, 4, 3, 2, 1, 0), start_ms, profile=profile)
    assert early.known == Span(start_ms, HEAD_MS)
    # The exchange's clock may be a little ahead of what we think of it, and so its oldest bar.
    soon_ms = HEAD_MS + HOUR_MS - 1
    late = page_of(hours(2, 1, 0), HEAD_MS - 4 * HOUR_MS, now_ms=soon_ms, profile=profile)
    assert late.known == Span(HEAD_MS - 3 * HOUR_MS, HEAD_MS)


def test_a_page_from_before_all_that_is_kept_proves_nothing_of_it() -> None:
    profile = replace(PROFILE, history_bars=5)
    page = read_page(
        BarPage((), BEGAN_MS), SERIES, profile, Span(HEAD_MS - 9 * HOUR_MS, HEAD_MS - 7 * HOUR_MS)
    )
    assert (page.known, page.quiet) == (None, None)


def test_bars_from_before_the_question_are_left_out_and_do_not_lead_back() -> None:
    page = page_of(hours(9, 8, 2), HEAD_MS - 4 * HOUR_MS)
    assert [bar.open_time_ms for bar in page.bars] == [HEAD_MS - 2 * HOUR_MS]
    assert page.next_ms == HEAD_MS - HOUR_MS
    only_before = page_of(hours(9, 8, 7), HEAD_MS - 4 * HOUR_MS)
    assert (only_before.bars, only_before.known, only_before.next_ms) == ((), None, None)


def test_the_bars_of_a_page_come_out_in_order_and_once() -> None:
    page = page_of(hours(2, 4, 3, 3), HEAD_MS - 4 * HOUR_MS)
    assert [bar.open_time_ms for bar in page.bars] == [HEAD_MS - number * HOUR_MS for number in (4, 3, 2)]


@pytest.mark.parametrize(
    "bad",
    [
        row(HEAD_MS - HOUR_MS, math.nan),
        row(HEAD_MS - HOUR_MS, 99.0),
        row(HEAD_MS - HOUR_MS - 1),
        row(HEAD_MS // 1000),
        (None, None, None, None, None, None),
        ("<", "h", "t", "m", "l", ">"),
        (),
    ],
)
def test_one_wrong_row_condemns_its_page(bad: tuple[object, ...]) -> None:
    with pytest.raises(UpstreamGarbage, match="Nothing of it was kept") as caught:
        page_of((*hours(3, 2), bad), HEAD_MS - 4 * HOUR_MS)
    assert caught.value.retry_after_s


@given(st.sets(st.integers(0, 40)), st.integers(0, 40), st.integers(0, 2 * HOUR_MS))
def test_a_page_leads_on_or_ends_and_never_vouches_for_what_may_still_move(
    numbers: set[int], asked_from: int, later_ms: int
) -> None:
    start_ms, now_ms = HEAD_MS - asked_from * HOUR_MS, HEAD_MS + later_ms
    page = page_of(hours(*numbers), start_ms, now_ms=now_ms)
    if page.next_ms is not None:
        assert page.next_ms > start_ms
        assert page.bars
    if page.known:
        assert page.known.start_ms == start_ms
        for bar in page.bars:
            assert bar.final is (bar.open_time_ms < page.known.end_ms)
        assert HOUR.floor(page.known.end_ms) == page.known.end_ms
        assert page.known.end_ms <= HOUR.next(now_ms)
    assert len(page.bars) == len([number for number in numbers if number <= asked_from])


class Filling:
    """A series of the simulated market, and what fills it."""

    def __init__(self, pool: asyncpg.Pool, upstream: RecordedMarket, series: Series) -> None:
        self._pool = pool
        self._upstream = upstream
        self.series = series

    async def fill(self, *missing: Span, page_bars: int = PAGE_BARS) -> tuple[Bar, ...]:
        profile = VenueProfile(
            (MINUTE, HOUR), page_bars=page_bars, live_mode=LiveMode.BARS, source=BarSource.SIMULATED
        )
        return await HistoryFiller(self._pool, Quarantine()).fill(
            self._upstream, profile, self.series, missing
        )

    async def stored(self) -> list[Bar]:
        return list(
            await select_bars(self._pool, self.series, start_ms=0, end_ms=BEGAN_MS * 2, limit=100_000)
        )

    async def now(self) -> Series:
        found = await select_series(self._pool, self.series.instrument, self.series.timeframe)
        assert found is not None
        return found


@pytest.fixture
async def filling(
    pool: asyncpg.Pool, upstream: RecordedMarket
) -> Callable[[Instrument, Timeframe], "asyncio.Future[Filling]"]:
    async def begin(instrument: Instrument = BTC, timeframe: Timeframe = HOUR) -> Filling:
        return Filling(pool, upstream, await upsert_series(pool, instrument, timeframe))

    return begin


async def test_a_span_is_fetched_page_by_page_and_stored(filling: Callable, upstream: RecordedMarket) -> None:
    one: Filling = await filling()
    span = Span(HEAD_MS - 35 * HOUR_MS, HEAD_MS)
    changed = await one.fill(span)
    truth = await true_bars(BEGAN_MS, BTC, HOUR, span.start_ms, span.end_ms)
    assert len(truth) == 35
    assert [bar for bar in changed if bar.open_time_ms < span.end_ms] == truth
    assert [bar for bar in await one.stored() if bar.open_time_ms < span.end_ms] == truth
    assert [(HEAD_MS - asked.start_ms) // HOUR_MS for asked in upstream.asked] == [35, 25, 15, 5]
    assert all(asked.limit <= PAGE_BARS for asked in upstream.asked)
    assert (await one.now()).known == (span,)


async def test_the_forming_bar_is_stored_but_stays_unknown(filling: Callable, hand: HandClock) -> None:
    one: Filling = await filling()
    span = Span(HEAD_MS - 2 * HOUR_MS, HEAD_MS + HOUR_MS)
    await one.fill(span)
    assert [bar.state for bar in await one.stored()] == [BarState.CLOSED, BarState.CLOSED, BarState.FORMING]
    series = await one.now()
    assert series.known == (Span(HEAD_MS - 2 * HOUR_MS, HEAD_MS),)
    assert series.checked_ms == BEGAN_MS
    hand.now_ms = HEAD_MS + HOUR_MS + CLOSE_GRACE_MS
    (closed, *_) = await one.fill(Span(HEAD_MS, HEAD_MS + HOUR_MS))
    assert closed.state is BarState.CLOSED
    assert [closed] == await true_bars(hand.now_ms, BTC, HOUR, HEAD_MS, HEAD_MS + HOUR_MS)


async def test_several_holes_are_filled_in_their_order(filling: Callable, upstream: RecordedMarket) -> None:
    one: Filling = await filling()
    holes = [Span(HEAD_MS - 90 * HOUR_MS, HEAD_MS - 88 * HOUR_MS), Span(HEAD_MS - 9 * HOUR_MS, HEAD_MS)]
    changed = await one.fill(*holes)
    opens = [bar.open_time_ms for bar in changed]
    assert opens == sorted(set(opens))
    assert [asked.start_ms for asked in upstream.asked] == [hole.start_ms for hole in holes]
    known = (await one.now()).known
    assert all(
        any(span.start_ms <= hole.start_ms and hole.end_ms <= span.end_ms for span in known) for hole in holes
    )


async def test_filling_again_changes_nothing(filling: Callable) -> None:
    one: Filling = await filling()
    span = Span(HEAD_MS - 20 * HOUR_MS, HEAD_MS)
    assert await one.fill(span)
    before = await one.stored()
    assert await one.fill(span) == ()
    assert await one.stored() == before


async def test_a_thin_instrument_is_filled_across_its_silences(
    filling: Callable, upstream: RecordedMarket
) -> None:
    one: Filling = await filling(QUIET, MINUTE)
    span = Span(HEAD_MS - 24 * HOUR_MS, HEAD_MS)
    await one.fill(span, page_bars=50)
    truth = await true_bars(BEGAN_MS, QUIET, MINUTE, span.start_ms, span.end_ms)
    assert 50 < len(truth) < 1_000
    assert [bar for bar in await one.stored() if bar.open_time_ms < span.end_ms] == truth
    # A page of fifty minutes reaches over hours: no more pages are asked for than bars need.
    assert len(upstream.asked) <= len(truth) // 50 + 1


async def test_what_came_before_an_error_stays_stored_and_known(
    filling: Callable, upstream: RecordedMarket
) -> None:
    one: Filling = await filling()
    span = Span(HEAD_MS - 40 * HOUR_MS, HEAD_MS)

    def fail_third_page(rows: Rows) -> Rows:
        if len(upstream.asked) == 3:
            raise UpstreamDown("The exchange is away. Try again.")
        return rows

    upstream.spoil = fail_third_page
    with pytest.raises(UpstreamDown):
        await one.fill(span)
    known_end_ms = span.start_ms + 2 * PAGE_BARS * HOUR_MS
    assert (await one.now()).known == (Span(span.start_ms, known_end_ms),)
    assert (await one.now()).checked_ms is None
    assert await one.stored() == await true_bars(BEGAN_MS, BTC, HOUR, span.start_ms, known_end_ms)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: (*rows, (None,) * 6),
        lambda rows: tuple((*values[:4], math.nan, values[5]) for values in rows),
        lambda rows: tuple((values[0] // 1000, *values[1:]) for values in rows),
        lambda rows: tuple((values[0] + MINUTE_MS, *values[1:]) for values in rows),
        lambda rows: (*rows, (*rows[0][:5], 1e9)),
        lambda rows: tuple(tuple("<html>") for _ in rows),
    ],
)
async def test_of_a_bad_answer_nothing_is_stored_or_known(
    filling: Callable, upstream: RecordedMarket, spoil: Callable[[Rows], Rows]
) -> None:
    one: Filling = await filling()
    upstream.spoil = spoil
    with pytest.raises(UpstreamGarbage):
        await one.fill(Span(HEAD_MS - 5 * HOUR_MS, HEAD_MS))
    assert await one.stored() == []
    assert (await one.now()).known == ()
    assert (await one.now()).checked_ms is None
    assert len(upstream.asked) == 1


async def test_a_bar_that_the_exchange_changed_is_corrected(
    filling: Callable, upstream: RecordedMarket
) -> None:
    one: Filling = await filling()
    span = Span(HEAD_MS - 5 * HOUR_MS, HEAD_MS)
    await one.fill(span)
    before = await one.stored()
    upstream.spoil = lambda rows: ((*rows[0][:5], 12_345.0), *rows[1:])
    (corrected,) = await one.fill(span)
    assert (corrected.open_time_ms, corrected.volume) == (span.start_ms, 12_345.0)
    assert (corrected.state, corrected.revision) == (BarState.CORRECTED, 1)
    assert await one.stored() == [corrected, *before[1:]]


async def test_an_exchange_that_does_not_answer_is_left_after_a_deadline(
    filling: Callable, upstream: RecordedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.history_filler.PAGE_TIMEOUT_S", 0.01)
    one: Filling = await filling()
    upstream.gate = asyncio.Event()
    with pytest.raises(UpstreamTimeout, match="simex did not answer in time"):
        await one.fill(Span(HEAD_MS - 5 * HOUR_MS, HEAD_MS))
    assert await one.stored() == []


async def test_an_exchange_that_always_sends_the_same_is_not_asked_for_ever(
    filling: Callable, upstream: RecordedMarket
) -> None:
    one: Filling = await filling()
    first: list[Rows] = []

    def the_first_page_again(rows: Rows) -> Rows:
        first.append(rows)
        return first[0]

    upstream.spoil = the_first_page_again
    await one.fill(Span(HEAD_MS - 40 * HOUR_MS, HEAD_MS))
    assert len(upstream.asked) == 2
    assert (await one.now()).known == (Span(HEAD_MS - 40 * HOUR_MS, HEAD_MS - 30 * HOUR_MS),)
