"""Write very many bars of a series with all that follows from them, in the caller's transaction.

`services.bar_writer` does the same for a few, and returns them.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from services.spans import merge_spans
from services.stores.bulk_bars import copy_bars
from services.stores.series import Series, select_derived, update_known, update_unknown
from utils.domain import Bar, Span, Topic


@dataclass(frozen=True, slots=True)
class Written:
    """Say how many bars changed anything, and of which topics kept answers are no longer true."""

    changed: int
    topics: tuple[Topic, ...]


async def write_many(
    connection: asyncpg.Connection, series: Series, batches: Iterable[Sequence[Bar]], *, known: Sequence[Span]
) -> Written:
    """Store the bars of all batches and what they make known.

    What was built from a bar that changed is forgotten, so that it is built again from the new one. The row
    of the series is touched at the very end: whoever else writes to it waits for a moment only.
    """
    changed = array("q")
    for bars in batches:
        changed.extend(await copy_bars(connection, series, bars))
    await update_known(connection, series.series_id, known)
    if not changed:
        return Written(0, ())
    topics = [Topic(series.instrument, series.timeframe)]
    for derived_id, timeframe in await select_derived(connection, series.series_id):
        opens = {timeframe.floor(open_ms) for open_ms in changed}
        spans = merge_spans(Span(open_ms, timeframe.next(open_ms)) for open_ms in opens)
        await update_unknown(connection, derived_id, spans)
        topics.append(Topic(series.instrument, timeframe))
    return Written(len(changed), tuple(topics))
