"""Where the stored bars before an instant are."""

import asyncpg

from utils.domain import Instrument, Timeframe


async def select_newest_open(
    pool: asyncpg.Pool, instrument: Instrument, timeframe: Timeframe, *, before_ms: int
) -> int | None:
    """Return the open of the newest stored bar before an instant, None when there is none."""
    # Served by the unique index of series and the primary key of bar, read backwards.
    open_ms: int | None = await pool.fetchval(
        """
        SELECT (date_part('epoch', open_time) * 1000)::bigint
        FROM bar
        WHERE series_id = (
                SELECT series_id
                FROM series
                WHERE market = $1 AND exchange = $2 AND symbol = $3 AND timeframe = $4
            )
            AND open_time < 'epoch'::timestamptz + $5::bigint * INTERVAL '1 millisecond'
        ORDER BY open_time DESC
        LIMIT 1
        """,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        timeframe.text,
        before_ms,
    )
    return open_ms
