"""Many bars at once: copied into a temporary table, then merged into the stored ones.

Twice as fast as arrays of parameters, and the same rule: `services.stores.bar_merge`.
"""

from collections.abc import Sequence
from operator import attrgetter

import asyncpg

from services.stores.bar_merge import MERGE
from services.stores.series import Series
from utils.domain import Bar, BarState

# A batch should hold its locks for a fraction of a second.
BATCH_BARS = 10_000

# Made once a connection; what a transaction leaves in it is gone when that ends. Emptying it anyway costs
# some milliseconds, and is needed only for the second batch of a transaction.
_STAGE = """
    DO $$
    BEGIN
        CREATE TEMPORARY TABLE IF NOT EXISTS incoming_bar (
            open_time_ms bigint NOT NULL,
            open double precision NOT NULL,
            high double precision NOT NULL,
            low double precision NOT NULL,
            close double precision NOT NULL,
            volume double precision NOT NULL,
            state text NOT NULL,
            revision integer NOT NULL,
            source text NOT NULL
        ) ON COMMIT DELETE ROWS;
        IF EXISTS (SELECT FROM pg_temp.incoming_bar) THEN
            TRUNCATE pg_temp.incoming_bar;
        END IF;
    END
    $$
"""
_COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume", "state", "revision", "source")

# In order, so that two writers of the same bars wait for each other instead of locking each other out.
_MERGE_STAGED = f"""
    INSERT INTO bar AS stored
        (series_id, timeframe_s, open_time, open, high, low, close, volume, state, revision, source)
    SELECT
        $1, $2, 'epoch'::timestamptz + open_time_ms * INTERVAL '1 millisecond',
        open, high, low, close, volume, state::bar_state, revision, source::bar_source
    FROM pg_temp.incoming_bar
    ORDER BY open_time_ms
    {MERGE}
"""  # noqa: S608 - the rule is a constant
_MERGE_RETURNING_STATES = f"""
    {_MERGE_STAGED} RETURNING (date_part('epoch', open_time) * 1000)::bigint, state::text, revision
"""
_MERGE_RETURNING_OPENS = f"""
    WITH changed AS ({_MERGE_STAGED} RETURNING open_time)
    SELECT array_agg((date_part('epoch', open_time) * 1000)::bigint ORDER BY open_time) FROM changed
"""  # noqa: S608 - as above


async def copy_bars(
    connection: asyncpg.Connection | asyncpg.Pool, series: Series, bars: Sequence[Bar]
) -> tuple[int, ...]:
    """Write bars and return the opens of those that changed anything, oldest first.

    The fastest way to write: no object is made of a row. The bars of one call have distinct opens; all of
    them are written or none.
    """
    if not bars:
        return ()
    if isinstance(connection, asyncpg.Pool):
        async with connection.acquire(timeout=2) as acquired:
            return await copy_bars(acquired, series, bars)
    async with connection.transaction():
        changed: list[int] = []
        for first in range(0, len(bars), BATCH_BARS):
            await _stage(connection, bars[first : first + BATCH_BARS])
            changed += await connection.fetchval(_MERGE_RETURNING_OPENS, *_keys(series)) or ()
    return tuple(sorted(changed))


async def copy_bars_back(
    connection: asyncpg.Connection | asyncpg.Pool, series: Series, bars: Sequence[Bar]
) -> tuple[Bar, ...]:
    """Do what ``copy_bars`` does, and return the bars that changed anything as they are now stored."""
    if isinstance(connection, asyncpg.Pool):
        async with connection.acquire(timeout=2) as acquired:
            return await copy_bars_back(acquired, series, bars)
    async with connection.transaction():
        changed: list[asyncpg.Record] = []
        for first in range(0, len(bars), BATCH_BARS):
            await _stage(connection, bars[first : first + BATCH_BARS])
            changed += await connection.fetch(_MERGE_RETURNING_STATES, *_keys(series))
    given = {bar.open_time_ms: bar for bar in bars}
    stored = [_as_stored(given[open_ms], state, revision) for open_ms, state, revision in changed]
    return tuple(sorted(stored, key=attrgetter("open_time_ms")))


def _as_stored(given: Bar, state: str, revision: int) -> Bar:
    # The rule changes nothing else; a new bar is stored as it was given, and most are new.
    if given.state == state and given.revision == revision:
        return given
    return Bar(given.open_time_ms, *given.values, BarState(state), revision, given.source)


async def _stage(connection: asyncpg.Connection, bars: Sequence[Bar]) -> None:
    await connection.execute(_STAGE)
    await connection.copy_records_to_table(
        "incoming_bar", schema_name="pg_temp", columns=_COLUMNS, records=map(attrgetter(*_COLUMNS), bars)
    )


def _keys(series: Series) -> tuple[int, int]:
    return series.series_id, series.timeframe.approximate_ms // 1_000
