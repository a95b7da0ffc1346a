"""The record of alerts that fired, in one order for everybody: its sequence is what a client resumes from."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

import asyncpg

from services.stores.alerts import AlertKind, LogPlace, PriceAlert, read_topic
from utils.domain import Topic

# Any constant serves: whoever adds to the record waits for whoever is doing so.
RECORD_LOCK_ID = 4_711_061_985


@dataclass(frozen=True, slots=True)
class Fired:
    """What made an alert fire; ``from_price`` is where a move of so many percent began."""

    place: LogPlace
    event_time_ms: int
    price: float
    from_price: float | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """One row of the record."""

    sequence: int
    alert_id: int
    user_id: int
    topic: Topic
    kind: AlertKind
    level: Decimal | None
    percent: Decimal | None
    window_ms: int | None
    event_time_ms: int
    price: float
    from_price: float | None


async def lock_record(connection: asyncpg.Connection) -> None:
    """Wait for whoever adds to the record, so that its numbers become visible in their order."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", RECORD_LOCK_ID)


async def insert_firing(connection: asyncpg.Connection, alert: PriceAlert, fired: Fired) -> int:
    """Add to the record and return the new sequence."""
    terms = alert.terms
    instrument = terms.topic.instrument
    sequence: int = await connection.fetchval(
        """
        INSERT INTO alert_firing (
            alert_id, user_id, market, exchange, symbol, timeframe, kind, level, percent, window_ms,
            price, from_price, event_time, epoch, place_ms, place_number
        )
        VALUES (
            $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
            to_timestamp($13::bigint / 1000.0), $14, $15, $16
        )
        RETURNING sequence
        """,
        alert.alert_id,
        alert.user_id,
        instrument.market,
        instrument.exchange,
        instrument.symbol,
        terms.topic.timeframe.text,
        terms.kind.value,
        terms.level,
        terms.percent,
        terms.window_ms,
        fired.price,
        fired.from_price,
        fired.event_time_ms,
        fired.place.epoch,
        fired.place.time_ms,
        fired.place.number,
    )
    return sequence


async def delete_old_firings(connection: asyncpg.Connection, user_id: int, *, kept: int) -> None:
    """Forget all but the newest ``kept`` rows of a user."""
    # Served by alert_firing_user_id.
    await connection.execute(
        """
        DELETE FROM alert_firing
        WHERE user_id = $1 AND sequence <= (
            SELECT sequence FROM alert_firing WHERE user_id = $1 ORDER BY sequence DESC OFFSET $2 LIMIT 1
        )
        """,
        user_id,
        kept,
    )


async def select_firings(
    pool: asyncpg.Pool, user_ids: Collection[int], *, after_sequence: int, limit: int
) -> tuple[Firing, ...]:
    """Return the next ``limit`` rows of these users after a sequence, in order."""
    # Served by alert_firing_user_id.
    rows = await pool.fetch(
        """
        SELECT
            sequence, alert_id, user_id, market, exchange, symbol, timeframe, kind, level, percent, window_ms,
            price, from_price, (date_part('epoch', event_time) * 1000)::bigint AS event_time_ms
        FROM alert_firing
        WHERE user_id = ANY($1::bigint[]) AND sequence > $2
        ORDER BY sequence
        LIMIT $3
        """,
        list(user_ids),
        after_sequence,
        limit,
    )
    return tuple(_firing(row) for row in rows)


async def select_newest_sequence(pool: asyncpg.Pool) -> int:
    """Return the newest sequence of the record, 0 while it is empty."""
    # Served by the primary key.
    return int(await pool.fetchval("SELECT coalesce(max(sequence), 0) FROM alert_firing"))


def _firing(row: asyncpg.Record) -> Firing:
    return Firing(
        sequence=row["sequence"],
        alert_id=row["alert_id"],
        user_id=row["user_id"],
        topic=read_topic(row),
        kind=AlertKind(row["kind"]),
        level=row["level"],
        percent=row["percent"],
        window_ms=row["window_ms"],
        event_time_ms=row["event_time_ms"],
        price=row["price"],
        from_price=row["from_price"],
    )
