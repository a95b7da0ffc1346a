"""Whatever happens in between, the store ends at what the exchange finally says, with the true gaps."""

import random
from dataclasses import replace

import asyncpg
import pytest

from services.history_filler import HistoryFiller
from services.market_service import HistoryQuery, MarketService
from services.quarantine import Quarantine
from services.stores.bars import select_bars
from services.stores.series import select_series
from tests.services.recorded_market import BTC, QUIET, HandClock, RecordedMarket, true_bars
from utils.domain import MINUTE_MS, Bar, BarState, Instrument, Timeframe
from utils.errors import UpstreamDown, UpstreamError

MINUTE = Timeframe.parse("1m")
BARS = 240


class Story:
    """One exchange that corrects itself and fails, and services that come and go over one store."""

    def __init__(self, pool: asyncpg.Pool, instrument: Instrument, seed: int) -> None:
        self._pool, self._instrument, self._random = pool, instrument, random.Random(seed)
        self._hand = HandClock()
        self._began_ms = MINUTE.floor(self._hand.now_ms)
        self._corrected: dict[int, float] = {}
        self._market = RecordedMarket(self._hand)
        self._market.spoil = lambda rows: tuple(self._changed(row) for row in rows)
        self._service = self._new_service()

    def _new_service(self) -> MarketService:
        filler = HistoryFiller(self._pool, Quarantine())
        return MarketService(pool=self._pool, catalog=self._market.catalog(), filler=filler)

    def _changed(self, row):
        return (*row[:5], self._corrected.get(row[0], row[5]))

    async def steps(self, count: int) -> None:
        actions = (self._ask, self._ask, self._ask, self._wait, self._wait, self._correct, self._restart)
        for _ in range(count):
            await self._random.choice(actions)()

    async def _ask(self) -> None:
        first = self._random.randrange(BARS)
        start_ms = self._began_ms + (first - BARS) * MINUTE_MS
        end_ms = start_ms + self._random.randrange(1, BARS) * MINUTE_MS
        if self._random.random() < 0.2:
            self._market.error = UpstreamDown("simex is away. Try again in a moment.")
        query = HistoryQuery(self._instrument, MINUTE, start_ms, end_ms, limit=1_000)
        try:
            history = await self._service.bars(query)
        except UpstreamError:
            return
        finally:
            self._market.error = None
        await self._check_gaps(history)

    async def _check_gaps(self, history) -> None:
        # At any moment: an instant of the past lies in a bar or in exactly one gap, and no_trades is true.
        span = history.query.span(self._hand.now_ms)
        past_end_ms = min(span.end_ms, MINUTE.floor(self._hand.now_ms))
        bars = {bar.open_time_ms for bar in history.bars}
        reasons = {
            open_ms: gap.reason.value
            for gap in history.gaps
            for open_ms in range(gap.span.start_ms, gap.span.end_ms, MINUTE_MS)
        }
        assert not bars & reasons.keys()
        assert bars | reasons.keys() >= set(range(span.start_ms, past_end_ms, MINUTE_MS))
        truth = {bar.open_time_ms for bar in await self._truth(span.start_ms, past_end_ms)}
        assert not {open_ms for open_ms, reason in reasons.items() if reason == "no_trades"} & truth

    async def _wait(self) -> None:
        self._hand.now_ms += self._random.randrange(1, 5 * MINUTE_MS)

    async def _correct(self) -> None:
        open_ms = MINUTE.shift(self._hand.now_ms, -self._random.randrange(1, 3))
        if await self._truth(open_ms, open_ms + MINUTE_MS):
            self._corrected[open_ms] = float(self._random.randrange(1, 1_000))

    async def _restart(self) -> None:
        await self._service.close()
        self._service = self._new_service()

    async def _truth(self, start_ms: int, end_ms: int) -> list[Bar]:
        bars = await true_bars(self._hand.now_ms, self._instrument, MINUTE, start_ms, end_ms)
        return [replace(bar, volume=self._corrected.get(bar.open_time_ms, bar.volume)) for bar in bars]

    async def end(self) -> None:
        """Let everything close, ask for all of it, and compare store and answer with the exchange."""
        self._hand.now_ms += 10 * MINUTE_MS
        start_ms = self._began_ms - BARS * MINUTE_MS
        end_ms = MINUTE.floor(self._hand.now_ms)
        history = await self._service.bars(
            HistoryQuery(self._instrument, MINUTE, start_ms, None, limit=5_000)
        )
        truth = await self._truth(start_ms, end_ms)
        series = await select_series(self._pool, self._instrument, MINUTE)
        assert series is not None
        stored = await select_bars(self._pool, series, start_ms=start_ms, end_ms=end_ms, limit=10_000)
        assert [(bar.open_time_ms, *bar.values) for bar in stored] == [
            (bar.open_time_ms, *bar.values) for bar in truth
        ]
        assert all(bar.final for bar in stored)
        assert all((bar.state is BarState.CORRECTED) == (bar.revision > 0) for bar in stored)
        present = {bar.open_time_ms for bar in truth}
        holes = {open_ms for open_ms in range(start_ms, end_ms, MINUTE_MS) if open_ms not in present}
        told = {
            open_ms: gap.reason.value
            for gap in history.gaps
            for open_ms in range(gap.span.start_ms, gap.span.end_ms, MINUTE_MS)
        }
        assert told == dict.fromkeys(sorted(holes), "no_trades")
        await self._service.close()


@pytest.mark.parametrize("instrument", [BTC, QUIET], ids=lambda each: each.symbol)
@pytest.mark.parametrize("seed", range(12))
async def test_any_interleaving_ends_at_the_exchanges_final_truth(
    pool: asyncpg.Pool, instrument: Instrument, seed: int
) -> None:
    story = Story(pool, instrument, seed)
    await story.steps(40)
    await story.end()
