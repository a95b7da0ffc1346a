"""Which bars a question means, and what is said of the times that hold none."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from plugins.simulated_path import ORIGIN_MS
from services import patience
from services.bar_checks import CLOSE_GRACE_MS
from services.history_fetcher import FILL_TIMEOUT_S
from services.history_query import FORMING_MAX_AGE_MS
from services.market_service import LIMIT_DEFAULT, History, HistoryQuery, HistoryText, MarketService
from tests.services.recorded_market import (
    BEGAN_MS,
    BTC,
    ETH,
    HOUR,
    MINUTE,
    QUIET,
    HandClock,
    RecordedMarket,
    ago,
    assert_every_instant_is_told,
    between,
    opens_of,
    reasons_of,
    true_bars,
    truth_of,
)
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Bar, GapReason, Instrument, Span, Timeframe


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "limit", "first_ms", "count", "next_ms"),
    [
        (None, None, 5, ago(4), 5, None),
        (None, ago(10), 5, ago(15), 5, None),
        (None, ago(10) + 1, 5, ago(14), 5, None),
        (ago(10), None, 500, ago(10), 11, None),
        (ago(10), None, 11, ago(10), 11, None),
        (ago(10), None, 10, ago(10), 10, ago(0)),
        (ago(10), None, 4, ago(10), 4, ago(6)),
        (ago(10), ago(4), 500, ago(10), 6, None),
        (ago(10), ago(4), 6, ago(10), 6, None),
        (ago(10), ago(4), 5, ago(10), 5, ago(5)),
        # Unaligned: the opens that lie between the two.
        (ago(10) + 1, ago(4) + 1, 500, ago(9), 6, None),
        (ago(10) - 1, ago(4) - 1, 500, ago(10), 6, None),
        (ago(10), ago(10) + 1, 500, ago(10), 1, None),
        (ago(10) + 1, ago(9), 500, None, 0, None),
        # Reversed, empty, and in the future.
        (ago(4), ago(10), 500, None, 0, None),
        (ago(4), ago(4), 500, None, 0, None),
        (ago(0), None, 500, ago(0), 1, None),
        (ago(-1), None, 500, None, 0, None),
        (ago(-50), ago(-40), 5, None, 0, None),
        (ago(2), ago(-50), 500, ago(2), 3, None),
    ],
)
async def test_since_until_and_limit_choose_the_bars(
    market: MarketService,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    first_ms: int | None,
    count: int,
    next_ms: int | None,
) -> None:
    history = await market.bars(HistoryQuery(BTC, HOUR, start_ms, end_ms, limit))
    opens = opens_of(history.bars)
    assert len(opens) == count
    assert opens == [] if first_ms is None else opens[0] == first_ms
    assert history.next_ms == next_ms
    assert history.gaps == ()


@pytest.mark.parametrize(("instrument", "limit"), [(BTC, 7), (QUIET, 7), (QUIET, 60)])
async def test_walking_along_the_cursor_gives_what_one_big_question_gives(
    market: MarketService, instrument: Instrument, limit: int
) -> None:
    # Minutes, so that the quiet one has holes, some longer than a page.
    start_ms, end_ms = ago(3), ago(-1)
    walked: list[Bar] = []
    gap_ms = pages = 0
    cursor_ms: int | None = start_ms
    while cursor_ms is not None:
        page = await market.bars(HistoryQuery(instrument, MINUTE, cursor_ms, end_ms, limit))
        assert_every_instant_is_told(page, BEGAN_MS)
        assert page.next_ms is None or page.next_ms > cursor_ms
        walked += page.bars
        gap_ms += sum(gap.span.end_ms - gap.span.start_ms for gap in page.gaps)
        cursor_ms = page.next_ms
        pages += 1
    big = await market.bars(HistoryQuery(instrument, MINUTE, start_ms, end_ms))
    assert tuple(walked) == big.bars
    assert list(big.bars) == await truth_of(big.query, BEGAN_MS)
    assert gap_ms == sum(gap.span.end_ms - gap.span.start_ms for gap in big.gaps)
    assert pages == math.ceil((MINUTE.next(BEGAN_MS) - start_ms) / MINUTE_MS / limit)


async def test_holes_of_an_instrument_that_seldom_trades_had_no_trades(
    market: MarketService, upstream: RecordedMarket
) -> None:
    history = await market.bars(HistoryQuery(QUIET, MINUTE, limit=1_000))
    assert list(history.bars) == await truth_of(history.query, BEGAN_MS)
    assert 10 < len(history.gaps) < len(history.bars) < 900
    assert_every_instant_is_told(history, BEGAN_MS)
    assert reasons_of(history) == {"no_trades"}
    calls = len(upstream.asked)
    assert await market.bars(history.query) == history
    assert len(upstream.asked) == calls


# Moments at which the quiet one had not traded for a while, found by looking.
async def quiet_moments(count: int) -> list[int]:
    bars = await true_bars(BEGAN_MS, QUIET, MINUTE, BEGAN_MS - 3 * DAY_MS, BEGAN_MS)
    silences = [
        (left.open_time_ms, right.open_time_ms)
        for left, right in pairwise(bars)
        if right.open_time_ms - left.open_time_ms > 30 * MINUTE_MS
    ]
    return [begin_ms + 25 * MINUTE_MS + 7_000 for begin_ms, _ in silences[:count]]


@pytest.mark.parametrize("limit", [5, 60])
async def test_where_nothing_traded_lately_that_is_said_and_asked_once(
    market: MarketService, upstream: RecordedMarket, hand: HandClock, limit: int
) -> None:
    for now_ms in await quiet_moments(3):
        hand.now_ms = now_ms
        query = HistoryQuery(QUIET, MINUTE, limit=limit)
        history = await market.bars(query)
        assert list(history.bars) == await truth_of(query, now_ms)
        assert_every_instant_is_told(history, now_ms)
        assert reasons_of(history) == {"no_trades"}
        assert not history.stale
        calls = len(upstream.asked)
        assert (await market.bars(query)).gaps == history.gaps
        assert len(upstream.asked) == calls


async def test_a_silence_that_has_only_just_ended_is_not_settled(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    upstream.spoil = lambda rows: tuple(row for row in rows if int(str(row[0])) < ago(2))
    for late_ms, settled in ((3_000, False), (MINUTE_MS, True)):
        hand.now_ms = ago(0) + late_ms
        history = await market.bars(between(ago(5), ago(0), instrument=BTC if settled else ETH))
        assert reasons_of(history) == {"no_trades"}
        assert history.settled is settled


async def test_before_its_listing_there_is_nothing_to_ask_for(
    market: MarketService, upstream: RecordedMarket
) -> None:
    day = Timeframe.parse("1d")
    ancient = await market.bars(HistoryQuery(BTC, day, ORIGIN_MS - 9 * DAY_MS, ORIGIN_MS - 2 * DAY_MS))
    assert ancient.bars == ()
    assert [(gap.span, gap.reason) for gap in ancient.gaps] == [
        (Span(ORIGIN_MS - 9 * DAY_MS, ORIGIN_MS - 2 * DAY_MS), GapReason.BEFORE_LISTING)
    ]
    assert upstream.asked == []
    across = await market.bars(HistoryQuery(BTC, day, ORIGIN_MS - 9 * DAY_MS, ORIGIN_MS + 2 * DAY_MS))
    assert opens_of(across.bars) == [ORIGIN_MS, ORIGIN_MS + DAY_MS]
    assert [(gap.span, gap.reason) for gap in across.gaps] == [
        (Span(ORIGIN_MS - 9 * DAY_MS, ORIGIN_MS), GapReason.BEFORE_LISTING)
    ]
    assert [asked.start_ms for asked in upstream.asked] == [ORIGIN_MS]


async def test_after_its_delisting_there_is_nothing_to_ask_for(
    market: MarketService, upstream: RecordedMarket
) -> None:
    upstream.change_spec = lambda spec: replace(spec, delisted_ms=ago(5), active=False)
    history = await market.bars(between(ago(4), ago(1)))
    assert history.bars == ()
    assert [(gap.span, gap.reason) for gap in history.gaps] == [
        (Span(ago(4), ago(1)), GapReason.AFTER_DELISTING)
    ]
    assert upstream.asked == []


async def test_what_the_exchange_no_longer_tells_is_not_asked_for_unless_it_was_stored(
    market: MarketService, upstream: RecordedMarket
) -> None:
    kept = await market.bars(between(ago(40), ago(30)))
    upstream.asked.clear()
    upstream.change_profile = lambda profile: replace(profile, history_bars=21)
    history = await market.bars(between(ago(40), ago(10)))
    assert [(gap.span, gap.reason) for gap in history.gaps] == [(Span(ago(28), ago(20)), GapReason.RETENTION)]
    assert history.bars[:10] == kept.bars
    assert [asked.start_ms for asked in upstream.asked] == [ago(20)]


async def test_without_a_limit_five_hundred_timeframes_are_meant(market: MarketService) -> None:
    history = await market.bars(HistoryQuery(BTC, HOUR))
    assert len(history.bars) == LIMIT_DEFAULT == 500


def assert_text_says_the_same(told: HistoryText | History, history: History) -> None:
    """Assert that an answer made of text by the database is that made of bars."""
    assert isinstance(told, HistoryText)
    rows = json.loads(told.text.json)
    assert rows == [[bar.open_time_ms, *bar.values] for bar in history.bars]
    assert (told.revision, told.last_bar_state) == (history.revision, history.last_bar_state)
    for name in ("query", "spec", "gaps", "as_of_ms", "stale", "next_ms", "settled"):
        assert getattr(told, name) == getattr(history, name), name


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_asked_in_whatever_order_the_answer_is_the_truth(
    market: MarketService,
    upstream: RecordedMarket,
    hand: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> None:
    # A busy machine may take its time for seventy pages: here nothing is shown instead of them.
    monkeypatch.setattr(patience, "WAIT_MIN_S", FILL_TIMEOUT_S)
    chance = Random(seed)
    page_bars = chance.choice([7, 40, 1_000])
    upstream.change_profile = lambda profile: replace(profile, page_bars=page_bars)
    for _ in range(25):
        hand.now_ms += chance.choice([FORMING_MAX_AGE_MS, MINUTE_MS, 20 * MINUTE_MS, HOUR_MS])
        instrument = chance.choice([BTC, QUIET])
        start_ms = chance.choice([None, hand.now_ms - chance.randrange(8 * HOUR_MS)])
        end_ms = chance.choice([None, hand.now_ms - chance.randrange(8 * HOUR_MS)])
        query = HistoryQuery(instrument, MINUTE, start_ms, end_ms, chance.choice([1, 5, 50, 500]))
        text_first = await market.text(query) if chance.random() < 0.5 else None
        history = await market.bars(query)
        truth = await truth_of(query, hand.now_ms)
        assert [(bar.open_time_ms, bar.values) for bar in history.bars] == [
            (bar.open_time_ms, bar.values) for bar in truth
        ]
        # Just after a close the exchange may still book a trade: then only a successor closes the bar.
        settled_ms = hand.now_ms - CLOSE_GRACE_MS
        for bar in history.bars:
            over = MINUTE.next(bar.open_time_ms)
            assert bar.final is (over <= hand.now_ms) or settled_ms < over <= hand.now_ms
        assert_every_instant_is_told(history, hand.now_ms)
        # For the same reason nobody knows yet whether an interval that has just ended stays empty.
        open_gaps = [gap.span for gap in history.gaps if gap.reason is not GapReason.NO_TRADES]
        assert all(settled_ms < span.end_ms <= hand.now_ms for span in open_gaps)
        assert all(span.end_ms - span.start_ms == MINUTE_MS for span in open_gaps)
        assert not history.stale
        assert_text_says_the_same(text_first or await market.text(query), history)
