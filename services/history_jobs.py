"""History that is fetched by itself: what the settings name, and what outages left out; without haste."""

import contextlib
import logging
from collections.abc import Sequence

import asyncpg

from services.backfill import Backfill, BackfillOrder, Progress, Waiting
from services.jobs.job import JobContext, JobFailed
from services.stores.series import Series
from services.stores.series_holes import select_broken_series
from utils.clock import Clock
from utils.errors import AppError, InvalidRequest, NotFound, UpstreamError, UpstreamGarbage
from utils.spoken import counted

# Whoever asks for bars comes first: between two pages the exchange is left alone.
PAUSE_S = 1.0
TOLD_EVERY = 0.1
# A longer hole is no accident: nobody has asked for what lies in it.
HOLE_BARS_MAX = 5_000
SERIES_AT_ONCE = 100
ORDERS_MAX = 1_000
# An instrument, an exchange or a timeframe of which nobody tells any more: its holes stay.
NO_LONGER_THERE = (NotFound, InvalidRequest)

log = logging.getLogger(__name__)


class HistoryJobs:
    """Fill stretches of history, one after the other."""

    def __init__(
        self, *, pool: asyncpg.Pool, backfill: Backfill, clock: Clock, orders: Sequence[BackfillOrder]
    ) -> None:
        self._pool = pool
        self._backfill = backfill
        self._clock = clock
        self._orders = orders
        # Where the next search for holes begins; a restart begins with the first series again.
        self._repaired_id = 0

    async def warm(self, context: JobContext) -> None:
        """Fill what is missing of each order that the settings name, in their order."""
        await self._fill_all(context, self._orders)

    async def repair(self, context: JobContext) -> None:
        """Fill the short holes of every series that has some, as far as its exchange can still tell."""
        await self._fill_all(context, await self._find_holes(), mending=True)

    async def _find_holes(self) -> list[BackfillOrder]:
        """Return orders for the next holes, going on after those of the run before where they were many."""
        orders: list[BackfillOrder] = []
        from_first = self._repaired_id == 0
        while True:
            found = await select_broken_series(self._pool, after_id=self._repaired_id, limit=SERIES_AT_ONCE)
            for series in found:
                orders += await self._fillable_holes_of(series)
                self._repaired_id = series.series_id
                if len(orders) >= ORDERS_MAX:
                    return orders[:ORDERS_MAX]
            if len(found) < SERIES_AT_ONCE:
                self._repaired_id = 0
                if orders or from_first:
                    return orders
                from_first = True

    async def _fillable_holes_of(self, series: Series) -> list[BackfillOrder]:
        try:
            reach_ms = await self._backfill.reach_ms(series.instrument, series.timeframe)
        except NotFound:
            return []
        return [order for order in holes_of(series) if order.end_ms is None or order.end_ms > (reach_ms or 0)]

    async def _fill_all(
        self, context: JobContext, orders: Sequence[BackfillOrder], *, mending: bool = False
    ) -> None:
        failed: list[tuple[str, AppError]] = []
        away: dict[tuple[str, str], AppError] = {}
        for number, order in enumerate(orders):
            place = (order.instrument.market, order.instrument.exchange)
            if place in away:
                failed.append((order.text, away[place]))
                continue
            try:
                await self._fill(context, order, number / len(orders), 1 / len(orders))
            except AppError as error:
                if mending and isinstance(error, NO_LONGER_THERE):
                    continue
                log.warning("backfill stopped", extra={"series": order.text, "reason": error.detail})
                failed.append((order.text, error))
                if mending and isinstance(error, UpstreamError) and not isinstance(error, UpstreamGarbage):
                    # It was waited for; nobody waits as long again for each of its other holes.
                    away[place] = error
        _raise_failed(failed, len(orders))

    async def _fill(self, context: JobContext, order: BackfillOrder, done: float, part: float) -> None:
        told, counted = 0.0, 0
        async with contextlib.aclosing(self._backfill.run(order)) as steps:
            async for step in steps:
                if isinstance(step, Waiting):
                    log.warning("backfill waits", extra={"series": order.text, "reason": step.complaint})
                    continue
                context.count(step.bars - counted)
                counted = step.bars
                await context.report(done + part * step.done, order.text)
                if step.missing_ms or step.bars:
                    if step.done >= told:
                        told = step.done + TOLD_EVERY
                        _tell(order, step)
                    await self._clock.sleep_s(PAUSE_S)


def _raise_failed(failed: Sequence[tuple[str, AppError]], orders: int) -> None:
    if not failed:
        return
    text, first = failed[0]
    of_all = f"{len(failed)} of {counted(orders, 'stretch', 'stretches')}"
    raise JobFailed(
        f"{of_all} could not be filled. The first, {text}: {first.detail}",
        again=any(isinstance(each, UpstreamError) for _, each in failed),
    )


def holes_of(series: Series) -> list[BackfillOrder]:
    """Return an order for each hole between known spans that is short enough to be an accident."""
    longest_ms = HOLE_BARS_MAX * series.timeframe.approximate_ms
    return [
        BackfillOrder(series.instrument, series.timeframe, before.end_ms, after.start_ms)
        for before, after in zip(series.known, series.known[1:], strict=False)
        if after.start_ms - before.end_ms <= longest_ms
    ]


def _tell(order: BackfillOrder, progress: Progress) -> None:
    percent = round(progress.done * 100)
    log.info("backfill goes on", extra={"series": order.text, "percent": percent, "bars": progress.bars})
