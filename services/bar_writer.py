"""Write bars of a series together with all that follows from them, in the caller's transaction."""

from collections.abc import Awaitable, Callable, Collection, Sequence

import asyncpg

from services.stores.bars import update_confirmed, upsert_bars
from services.stores.series import Series, select_derived, update_known, update_unknown
from utils import figures
from utils.domain import Bar, BarSource, Span, Topic

# Whoever keeps answers is told which topics they are about, once a change is committed.
Announce = Callable[[Collection[Topic]], Awaitable[None]]


async def announce_nothing(_: Collection[Topic]) -> None:
    """Be the ``Announce`` of a program that keeps no answers."""


async def write_bars(
    connection: asyncpg.Connection,
    series: Series,
    bars: Sequence[Bar],
    *,
    known: Sequence[Span] = (),
    checked_ms: int | None = None,
) -> tuple[Bar, ...]:
    """Store bars and what they make known; return those that changed anything, as stored.

    What was built from a bar that changed is forgotten, so that it is built again from the new one.
    """
    changed = await upsert_bars(connection, series, bars)
    figures.BARS_STORED.add(len(changed), series.instrument.exchange)
    confirmed = [bar.open_time_ms for bar in bars if bar.final and bar.source is BarSource.EXCHANGE]
    if confirmed:
        await update_confirmed(connection, series, confirmed)
    if known or checked_ms is not None:
        await update_known(connection, series.series_id, known, checked_ms=checked_ms)
    final = [bar for bar in changed if bar.final]
    if final:
        for derived_id, timeframe in await select_derived(connection, series.series_id):
            opens = {timeframe.floor(bar.open_time_ms) for bar in final}
            spans = [Span(open_ms, timeframe.next(open_ms)) for open_ms in sorted(opens)]
            await update_unknown(connection, derived_id, spans)
    return changed


async def topics_touched(
    connection: asyncpg.Connection, series: Series, changed: Sequence[Bar]
) -> tuple[Topic, ...]:
    """Return the topics whose settled answers these bars end: the series', and what is built from it."""
    if not any(bar.final for bar in changed):
        return ()
    derived = await select_derived(connection, series.series_id)
    timeframes = (series.timeframe, *(timeframe for _, timeframe in derived))
    return tuple(Topic(series.instrument, timeframe) for timeframe in timeframes)
