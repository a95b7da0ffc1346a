"""Which instruments have bars, how far these reach, and how much was traded lately."""

from dataclasses import dataclass

import asyncpg

from utils.domain import Instrument

# The trade of lately is that of the newest bars: enough for an order, and cheap for thousands of series.
NEWEST_BARS = 100


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """State how far the bars of one series reach, from the first open to the end of the last.

    ``volume`` was traded in the ``newest_s`` seconds that the newest bars cover; ``close`` is their last.
    """

    instrument: Instrument
    first_ms: int
    end_ms: int
    timeframe_s: int
    volume: float
    newest_s: float
    close: float


async def select_stored_series(pool: asyncpg.Pool, *, limit: int) -> tuple[StoredSeries, ...]:
    """Return every series that has bars, at most ``limit``, the oldest series first."""
    # Served by the primary keys of series and of bar (series_id, open_time).
    rows = await pool.fetch(
        """
        SELECT series.market, series.exchange, series.symbol, oldest.open_ms AS first_ms, newest.*
        FROM series
        CROSS JOIN LATERAL (
            SELECT (date_part('epoch', open_time) * 1000)::bigint AS open_ms
            FROM bar
            WHERE bar.series_id = series.series_id
            ORDER BY open_time
            LIMIT 1
        ) AS oldest
        CROSS JOIN LATERAL (
            SELECT
                max(timeframe_s) AS timeframe_s,
                sum(volume) AS volume,
                (max(date_part('epoch', open_time)) * 1000)::bigint AS last_ms,
                max(date_part('epoch', open_time)) - min(date_part('epoch', open_time))
                    + max(timeframe_s) AS newest_s,
                (array_agg(close ORDER BY open_time DESC))[1] AS close
            FROM (
                SELECT timeframe_s, volume, open_time, close
                FROM bar
                WHERE bar.series_id = series.series_id
                ORDER BY open_time DESC
                LIMIT $2
            ) AS page
        ) AS newest
        ORDER BY series.series_id
        LIMIT $1
        """,
        limit,
        NEWEST_BARS,
    )
    return tuple(
        StoredSeries(
            Instrument(row["market"], row["exchange"], row["symbol"]),
            first_ms=row["first_ms"],
            end_ms=row["last_ms"] + row["timeframe_s"] * 1_000,
            timeframe_s=row["timeframe_s"],
            volume=row["volume"],
            newest_s=row["newest_s"],
            close=row["close"],
        )
        for row in rows
    )


async def select_known_end_ms(pool: asyncpg.Pool, instrument: Instrument) -> int | None:
    """Return up to when anything is known of an instrument, in whatever timeframe; None when nothing is."""
    # Served by the unique index on (market, exchange, symbol, timeframe).
    end_ms: int | None = await pool.fetchval(
        """
        SELECT max(upper(known))
        FROM series
        WHERE market = $1 AND exchange = $2 AND symbol = $3
        """,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
    )
    return end_ms
