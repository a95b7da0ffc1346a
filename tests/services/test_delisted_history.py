"""History of what its exchange no longer lists: what is stored is shown, and said for what it is."""

from dataclasses import replace

import pytest

from services.catalog import INSTRUMENTS_MAX_AGE_MS
from services.market_service import HistoryQuery, MarketService
from tests.services.recorded_market import (
    BTC,
    HEAD_MS,
    HOUR,
    RECENT,
    HandClock,
    RecordedMarket,
    ago,
    between,
    opens_of,
    reasons_of,
)
from utils.domain import DAY_MS, HOUR_MS, Instrument, InstrumentSpec, Timeframe
from utils.errors import NotFound

GONE = Instrument("simulated", "simex", "GONE/USD")
WEEK = Timeframe(1, "w")


def delist(upstream: RecordedMarket, hand: HandClock) -> None:
    """Let the exchange list Bitcoin no longer, and everybody read its list again."""

    def renamed(spec: InstrumentSpec) -> InstrumentSpec:
        return replace(spec, instrument=GONE) if spec.instrument == BTC else spec

    upstream.change_spec = renamed
    hand.now_ms += INSTRUMENTS_MAX_AGE_MS + 30 * DAY_MS
    upstream.asked.clear()


async def test_the_newest_bars_of_what_was_delisted_are_the_last_there_were(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    listed = await market.bars(RECENT)
    delist(upstream, hand)
    history = await market.bars(RECENT)
    # The bar that was forming then has never been seen closed.
    assert history.bars[-19:] == listed.bars[:-1]
    assert history.spec.delisted_ms == HEAD_MS
    assert (history.spec.active, history.stale) == (False, False)
    text = await market.text(RECENT)
    assert (text.last_bar_state, text.next_ms) == (history.last_bar_state, history.next_ms)
    assert upstream.asked == []


async def test_every_hole_around_it_has_its_reason_and_the_exchange_is_not_asked(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    listed = await market.bars(between(ago(10), ago(5)))
    delist(upstream, hand)
    after = await market.bars(HistoryQuery(BTC, HOUR, start_ms=HEAD_MS + HOUR_MS, limit=10))
    assert (after.bars, reasons_of(after)) == ((), {"after_delisting"})
    before = await market.bars(between(ago(20), ago(5)))
    assert opens_of(before.bars) == opens_of(listed.bars)
    assert reasons_of(before) == {"retention"}
    assert upstream.asked == []


async def test_what_is_missing_from_a_list_may_come_back_and_no_answer_about_it_is_settled(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    query = between(ago(10), ago(5))
    assert (await market.bars(query)).settled
    delist(upstream, hand)
    for answer in (await market.bars(query), await market.text(query)):
        assert not answer.settled
    upstream.change_spec = lambda spec: spec
    hand.now_ms += INSTRUMENTS_MAX_AGE_MS
    assert (await market.bars(query)).settled


async def test_timeframes_that_are_built_are_shown_too(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    query = HistoryQuery(BTC, WEEK, limit=3)
    listed = await market.bars(query)
    delist(upstream, hand)
    history = await market.bars(query)
    assert opens_of(listed.bars[:-1]) == opens_of(history.bars[:-1])[-2:]
    assert upstream.asked == []


async def test_what_nobody_ever_stored_is_not_there(
    market: MarketService, upstream: RecordedMarket, hand: HandClock
) -> None:
    delist(upstream, hand)
    with pytest.raises(NotFound, match=r"There is no symbol BTC/USD"):
        await market.bars(RECENT)
