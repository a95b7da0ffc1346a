"""What is known of each instrument and timeframe."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from utils.domain import Instrument, Span, Timeframe


@dataclass(frozen=True, slots=True)
class Series:
    """One row of ``series``; times in UTC milliseconds."""

    series_id: int
    instrument: Instrument
    timeframe: Timeframe
    known: tuple[Span, ...]
    checked_ms: int | None
    first_bar_ms: int | None


def _series(row: asyncpg.Record) -> Series:
    return Series(
        row["series_id"],
        Instrument(row["market"], row["exchange"], row["symbol"]),
        Timeframe.parse(row["timeframe"]),
        tuple(Span(part.lower, part.upper) for part in row["known"]),
        row["checked_ms"],
        row["first_bar_ms"],
    )


async def select_series(pool: asyncpg.Pool, instrument: Instrument, timeframe: Timeframe) -> Series | None:
    """Return what is known, or None when nobody has asked for this series yet."""
    # Served by the unique index on (market, exchange, symbol, timeframe).
    row = await pool.fetchrow(
        """
        SELECT series_id, market, exchange, symbol, timeframe, known, checked_ms, first_bar_ms
        FROM series
        WHERE market = $1 AND exchange = $2 AND symbol = $3 AND timeframe = $4
        """,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        timeframe.text,
    )
    return _series(row) if row else None


async def upsert_series(pool: asyncpg.Pool, instrument: Instrument, timeframe: Timeframe) -> Series:
    """Return the series, made if it was not there."""
    found = await select_series(pool, instrument, timeframe)
    if found is not None:
        return found
    row = await pool.fetchrow(
        """
        INSERT INTO series (market, exchange, symbol, timeframe)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (market, exchange, symbol, timeframe) DO UPDATE SET market = excluded.market
        RETURNING series_id, market, exchange, symbol, timeframe, known, checked_ms, first_bar_ms
        """,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        timeframe.text,
    )
    return _series(row)


async def update_known(
    connection: asyncpg.Connection,
    series_id: int,
    known: Sequence[Span],
    *,
    checked_ms: int | None = None,
    first_bar_ms: int | None = None,
) -> None:
    """Add known spans, and move the check time forward; never takes anything away."""
    await connection.execute(
        """
        UPDATE series
        SET known = known + coalesce(
                (SELECT range_agg(int8range(lower_ms, upper_ms)) FROM unnest($2::bigint[], $3::bigint[])
                    AS span(lower_ms, upper_ms)),
                '{}'::int8multirange
            ),
            checked_ms = greatest(checked_ms, $4),
            first_bar_ms = coalesce(first_bar_ms, $5)
        WHERE series_id = $1
        """,
        series_id,
        [span.start_ms for span in known],
        [span.end_ms for span in known],
        checked_ms,
        first_bar_ms,
    )
