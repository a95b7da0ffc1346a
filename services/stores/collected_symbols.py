"""Symbols that users asked to have collected, as rows, and how far their bars reach."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from utils.domain import Instrument

COLUMNS = """
    collected.collected_symbol_id, collected.complaint,
    collected.market, collected.exchange, collected.symbol,
    (date_part('epoch', collected.created_at) * 1000)::bigint AS created_ms,
    (date_part('epoch', collected.filled_at) * 1000)::bigint AS filled_ms
"""
LOCK_NAME = "collected symbols"


@dataclass(frozen=True, slots=True)
class CollectedSymbol:
    """One row of ``collected_symbol``; times in UTC milliseconds, None for what has not happened.

    ``complaint`` says why the last attempt to fill it failed.
    """

    collected_symbol_id: int
    instrument: Instrument
    created_ms: int
    filled_ms: int | None
    complaint: str | None


@dataclass(frozen=True, slots=True)
class SymbolListing:
    """A collected symbol as lists show it; the opens of its first and last bar, and who asks for it."""

    symbol: CollectedSymbol
    first_bar_ms: int | None
    last_bar_ms: int | None
    asker_ids: tuple[int, ...]


async def lock_collected(connection: asyncpg.Connection) -> None:
    """Let whoever adds or takes away symbols wait until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", LOCK_NAME)


async def count_asked(connection: asyncpg.Connection, user_id: int) -> tuple[int, int]:
    """Return how many symbols are asked for, by this user and by all together."""
    row = await connection.fetchrow(
        """
        SELECT
            count(*) FILTER (WHERE user_id = $1) AS by_user,
            count(DISTINCT collected_symbol_id) AS by_all
        FROM collected_symbol_asker
        """,
        user_id,
    )
    return row["by_user"], row["by_all"]


async def select_collected(connection: asyncpg.Connection, instrument: Instrument) -> CollectedSymbol | None:
    """Return the row of an instrument that somebody asks for, or None."""
    # Served by the unique index on (market, exchange, symbol).
    row = await connection.fetchrow(
        f"""
        SELECT {COLUMNS}
        FROM collected_symbol AS collected
        WHERE market = $1 AND exchange = $2 AND symbol = $3
            AND EXISTS (SELECT 1 FROM collected_symbol_asker AS asker
                        WHERE asker.collected_symbol_id = collected.collected_symbol_id)
        """,  # noqa: S608 - the columns are a constant of this module
        instrument.market,
        instrument.exchange,
        instrument.symbol,
    )
    return _collected(row) if row else None


async def insert_asker(
    connection: asyncpg.Connection, instrument: Instrument, user_id: int, now_ms: int
) -> bool:
    """Note that a user asks for an instrument; False when that was noted before."""
    symbol_id = await connection.fetchval(
        """
        INSERT INTO collected_symbol (market, exchange, symbol, created_at)
        VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0))
        ON CONFLICT (market, exchange, symbol) DO UPDATE SET symbol = excluded.symbol
        RETURNING collected_symbol_id
        """,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        now_ms,
    )
    status = await connection.execute(
        """
        INSERT INTO collected_symbol_asker (collected_symbol_id, user_id, asked_at)
        VALUES ($1, $2, to_timestamp($3::bigint / 1000.0))
        ON CONFLICT DO NOTHING
        """,
        symbol_id,
        user_id,
        now_ms,
    )
    return bool(status == "INSERT 0 1")


async def delete_asker(connection: asyncpg.Connection, symbol_id: int, user_id: int | None) -> None:
    """Note that a user no longer asks for a symbol, or None for everybody; it goes with the last of them."""
    await connection.execute(
        """
        DELETE FROM collected_symbol_asker
        WHERE collected_symbol_id = $1 AND ($2::bigint IS NULL OR user_id = $2)
        """,
        symbol_id,
        user_id,
    )
    await connection.execute(
        """
        DELETE FROM collected_symbol
        WHERE collected_symbol_id = $1
            AND NOT EXISTS (SELECT 1 FROM collected_symbol_asker WHERE collected_symbol_id = $1)
        """,
        symbol_id,
    )


async def select_listings(
    pool: asyncpg.Pool | asyncpg.Connection, *, timeframes: Sequence[str], limit: int
) -> tuple[SymbolListing, ...]:
    """Return what is collected, by its name, and how far its bars of these timeframes reach."""
    # Served by the unique indexes of collected_symbol and of series, and the primary key of bar.
    rows = await pool.fetch(
        f"""
        SELECT {COLUMNS}, asked.by AS asker_ids, reach.first_ms, reach.last_ms
        FROM collected_symbol AS collected
        CROSS JOIN LATERAL (
            SELECT array_agg(user_id ORDER BY user_id) AS by
            FROM collected_symbol_asker AS asker
            WHERE asker.collected_symbol_id = collected.collected_symbol_id
        ) AS asked
        CROSS JOIN LATERAL (
            SELECT
                (min(date_part('epoch', oldest.open_time)) * 1000)::bigint AS first_ms,
                (max(date_part('epoch', newest.open_time)) * 1000)::bigint AS last_ms
            FROM series
            CROSS JOIN LATERAL (
                SELECT open_time FROM bar WHERE bar.series_id = series.series_id ORDER BY open_time LIMIT 1
            ) AS oldest
            CROSS JOIN LATERAL (
                SELECT open_time FROM bar WHERE bar.series_id = series.series_id
                ORDER BY open_time DESC LIMIT 1
            ) AS newest
            WHERE series.market = collected.market AND series.exchange = collected.exchange
                AND series.symbol = collected.symbol AND series.timeframe = ANY($1)
        ) AS reach
        WHERE asked.by IS NOT NULL
        ORDER BY collected.market, collected.exchange, collected.symbol
        LIMIT $2
        """,  # noqa: S608 - the columns are a constant of this module
        list(timeframes),
        limit,
    )
    return tuple(
        SymbolListing(_collected(row), row["first_ms"], row["last_ms"], tuple(row["asker_ids"]))
        for row in rows
    )


async def select_due(
    pool: asyncpg.Pool, *, before_ms: int, now_ms: int, limit: int
) -> tuple[CollectedSymbol, ...]:
    """Return what was not tried since, the new ones first, then the one that waits longest.

    What was tried after ``now_ms`` was tried by a clock that was ahead, nobody knows when.
    """
    # At most as many rows as may be collected in all: read whole.
    rows = await pool.fetch(
        f"""
        SELECT {COLUMNS}
        FROM collected_symbol AS collected
        WHERE (tried_at IS NULL OR tried_at < to_timestamp($1::bigint / 1000.0)
                OR tried_at > to_timestamp($3::bigint / 1000.0))
            AND EXISTS (SELECT 1 FROM collected_symbol_asker AS asker
                        WHERE asker.collected_symbol_id = collected.collected_symbol_id)
        ORDER BY tried_at NULLS FIRST, collected_symbol_id
        LIMIT $2
        """,  # noqa: S608 - the columns are a constant of this module
        before_ms,
        limit,
        now_ms,
    )
    return tuple(_collected(row) for row in rows)


async def update_tried(pool: asyncpg.Pool, symbol_id: int, *, complaint: str | None, now_ms: int) -> None:
    """Note that a symbol was filled, or why not."""
    await pool.execute(
        """
        UPDATE collected_symbol
        SET tried_at = to_timestamp($2::bigint / 1000.0), complaint = $3,
            filled_at = CASE WHEN $3::text IS NULL THEN to_timestamp($2::bigint / 1000.0) ELSE filled_at END
        WHERE collected_symbol_id = $1
        """,
        symbol_id,
        now_ms,
        complaint,
    )


def _collected(row: asyncpg.Record) -> CollectedSymbol:
    return CollectedSymbol(
        row["collected_symbol_id"],
        Instrument(row["market"], row["exchange"], row["symbol"]),
        row["created_ms"],
        row["filled_ms"],
        row["complaint"],
    )
