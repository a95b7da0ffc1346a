"""Bars as rows: written by revision, read in order of their open."""

from collections.abc import Sequence

import asyncpg

from services.stores.bar_merge import BAR_COLUMNS, MERGE, read_bar
from services.stores.bulk_bars import copy_bars_back
from services.stores.series import Series
from utils.domain import Bar

# More bars than this are faster copied than sent as arrays.
ARRAYS_MAX = 1_000

_UPSERT = f"""
    INSERT INTO bar AS stored
        (series_id, timeframe_s, open_time, open, high, low, close, volume, state, revision, source)
    SELECT
        $1, $2, 'epoch'::timestamptz + open_time_ms * INTERVAL '1 millisecond',
        open, high, low, close, volume, state::bar_state, revision, source::bar_source
    FROM unnest(
        $3::bigint[], $4::double precision[], $5::double precision[], $6::double precision[],
        $7::double precision[], $8::double precision[], $9::text[], $10::integer[], $11::text[]
    ) AS given(open_time_ms, open, high, low, close, volume, state, revision, source)
    {MERGE}
    RETURNING {BAR_COLUMNS}
"""  # noqa: S608 - the rule and the columns are constants


async def upsert_bars(
    connection: asyncpg.Connection | asyncpg.Pool, series: Series, bars: Sequence[Bar]
) -> tuple[Bar, ...]:
    """Write bars and return those that changed anything, as they are now stored, oldest first.

    The bars of one call have distinct opens. A forming bar never overwrites a final one.
    """
    if not bars:
        return ()
    if len(bars) > ARRAYS_MAX:
        return await copy_bars_back(connection, series, bars)
    rows = await connection.fetch(
        _UPSERT,
        series.series_id,
        series.timeframe.approximate_ms // 1_000,
        [bar.open_time_ms for bar in bars],
        [bar.open for bar in bars],
        [bar.high for bar in bars],
        [bar.low for bar in bars],
        [bar.close for bar in bars],
        [bar.volume for bar in bars],
        [bar.state.value for bar in bars],
        [bar.revision for bar in bars],
        [bar.source.value for bar in bars],
    )
    return tuple(sorted((read_bar(row) for row in rows), key=lambda bar: bar.open_time_ms))


async def update_confirmed(
    connection: asyncpg.Connection | asyncpg.Pool, series: Series, opens_ms: Sequence[int]
) -> None:
    """Name the exchange as the source of bars that it has just confirmed, value for value.

    To be called when its bars are written: those that differed carry its name already. What we had built of
    trades is the exchange's word from then on, and no late trade may change it.
    """
    # The range is served by the primary key (series_id, open_time).
    await connection.execute(
        """
        UPDATE bar SET source = 'exchange'
        WHERE series_id = $1
            AND open_time >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
            AND open_time <= 'epoch'::timestamptz + $3::bigint * INTERVAL '1 millisecond'
            AND source = 'trades'
            AND state <> 'forming'
            AND (date_part('epoch', open_time) * 1000)::bigint = ANY($4::bigint[])
        """,
        series.series_id,
        min(opens_ms),
        max(opens_ms),
        opens_ms,
    )


async def select_bars(
    pool: asyncpg.Pool, series: Series, *, start_ms: int, end_ms: int, limit: int
) -> tuple[Bar, ...]:
    """Return the first ``limit`` bars that open in ``[start_ms, end_ms)``, oldest first."""
    # Served by the primary key (series_id, open_time).
    rows = await pool.fetch(
        f"""
        SELECT {BAR_COLUMNS}
        FROM bar
        WHERE series_id = $1
            AND open_time >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
            AND open_time < 'epoch'::timestamptz + $3::bigint * INTERVAL '1 millisecond'
        ORDER BY open_time
        LIMIT $4
        """,  # noqa: S608 - the columns are a constant
        series.series_id,
        start_ms,
        end_ms,
        limit,
    )
    return tuple(read_bar(row) for row in rows)
