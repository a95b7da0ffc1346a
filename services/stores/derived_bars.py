"""Bars of a coarser timeframe, built by the database from stored finer ones."""

from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from services.stores.series import Series
from utils.domain import Span, Timeframe


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket and the finer bars found in it, ``final_count`` of which can no longer move."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    revision: int
    count: int
    final_count: int


# The first Monday after the epoch; days, hours and minutes are counted from the epoch itself.
_FIXED = """
    date_bin($4::interval, open_time, CASE WHEN $5 THEN TIMESTAMPTZ '1970-01-05 00:00:00+00'
        ELSE TIMESTAMPTZ '1970-01-01 00:00:00+00' END)
"""
_MONTHS = """
    make_timestamptz(
        ((date_part('year', open_time AT TIME ZONE 'UTC')::integer * 12
            + date_part('month', open_time AT TIME ZONE 'UTC')::integer - 1) / $4 * $4) / 12,
        ((date_part('year', open_time AT TIME ZONE 'UTC')::integer * 12
            + date_part('month', open_time AT TIME ZONE 'UTC')::integer - 1) / $4 * $4) % 12 + 1,
        1, 0, 0, 0, 'UTC'
    )
"""
_SELECT = """
    SELECT
        (date_part('epoch', bucket) * 1000)::bigint AS open_time_ms,
        (array_agg(open ORDER BY open_time))[1] AS open,
        max(high) AS high,
        min(low) AS low,
        (array_agg(close ORDER BY open_time DESC))[1] AS close,
        -- As decimals: the sum does not depend on the order, and ends where printed amounts end.
        sum(volume::numeric)::double precision AS volume,
        max(revision) AS revision,
        count(*) AS bar_count,
        count(*) FILTER (WHERE state <> 'forming') AS final_count
    FROM (
        SELECT {bucket} AS bucket, *
        FROM bar
        WHERE series_id = $1
            AND open_time >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
            AND open_time < 'epoch'::timestamptz + $3::bigint * INTERVAL '1 millisecond'
    ) AS finer
    GROUP BY bucket
    ORDER BY bucket
    LIMIT 5001
"""
_SELECT_FIXED = _SELECT.format(bucket=_FIXED)
_SELECT_MONTHS = _SELECT.format(bucket=_MONTHS)


async def select_buckets(
    pool: asyncpg.Pool | asyncpg.Connection, base: Series, timeframe: Timeframe, span: Span
) -> tuple[Bucket, ...]:
    """Return the buckets of the timeframe that begin in the span and hold any finer bar, oldest first.

    The span begins and ends on the timeframe's grid.
    """
    # Served by the primary key of bar.
    if timeframe.unit == "M":
        rows = await pool.fetch(_SELECT_MONTHS, base.series_id, span.start_ms, span.end_ms, timeframe.count)
    else:
        rows = await pool.fetch(
            _SELECT_FIXED,
            base.series_id,
            span.start_ms,
            span.end_ms,
            timedelta(milliseconds=timeframe.approximate_ms),
            timeframe.unit == "w",
        )
    return tuple(
        Bucket(
            row["open_time_ms"],
            row["open"],
            row["high"],
            row["low"],
            row["close"],
            row["volume"],
            row["revision"],
            row["bar_count"],
            row["final_count"],
        )
        for row in rows
    )
