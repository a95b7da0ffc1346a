"""What coins were worth, as rows: points, days rolled up from them, and forgetting both."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from plugins.listings.base import CoinHistoryPoint
from utils.domain import DAY_MS

# What one statement rolls up, and what one forgets: less than a second of work.
COINS_AT_ONCE = 500
ROWS_AT_ONCE = 20_000

_ROLL_UP = """
    INSERT INTO coin_price_daily
        (coin_key, day, open, high, low, close, market_cap, volume_24h, points)
    SELECT
        coin_price.coin_key,
        date_bin('1 day', price_time, '2000-01-01 00:00:00+00') AS price_day,
        (array_agg(price ORDER BY price_time))[1],
        max(price),
        min(price),
        (array_agg(price ORDER BY price_time DESC))[1],
        (array_agg(coin_price.market_cap ORDER BY price_time DESC))[1],
        (array_agg(coin_price.volume_24h ORDER BY price_time DESC))[1],
        count(*)
    FROM coin_price
    JOIN (
        SELECT
            asked.coin_key,
            coalesce(
                'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond',
                (SELECT max(day) FROM coin_price_daily AS before WHERE before.coin_key = asked.coin_key),
                '-infinity'::timestamptz
            ) AS first_day
        FROM unnest($1::integer[]) AS asked(coin_key)
    ) AS span ON span.coin_key = coin_price.coin_key AND price_time >= span.first_day
    WHERE price_time < 'epoch'::timestamptz + $3::bigint * INTERVAL '1 millisecond'
    GROUP BY 1, 2
    ON CONFLICT (coin_key, day) DO UPDATE SET
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        market_cap = excluded.market_cap, volume_24h = excluded.volume_24h, points = excluded.points
    WHERE coin_price_daily.points <= excluded.points
"""


@dataclass(frozen=True, slots=True)
class PricePoint:
    """Say what a coin was worth in a stretch of time that begins at ``time_ms``; of ``points`` known prices.

    ``price``, ``market_cap`` and ``volume_24h`` are the last known of the stretch.
    """

    time_ms: int
    open: float
    high: float
    low: float
    price: float
    market_cap: float | None
    volume_24h: float | None
    points: int


async def insert_points(
    connection: asyncpg.Connection | asyncpg.Pool, coin_key: int, points: Sequence[CoinHistoryPoint]
) -> int:
    """Add points to the history of a coin, and return how many were new; what is there stays."""
    status = await connection.execute(
        """
        INSERT INTO coin_price (coin_key, price_time, price, market_cap, volume_24h)
        SELECT $1, 'epoch'::timestamptz + time_ms * INTERVAL '1 millisecond', price, market_cap, volume_24h
        FROM unnest(
            $2::bigint[], $3::double precision[], $4::double precision[], $5::double precision[]
        ) AS given(time_ms, price, market_cap, volume_24h)
        ON CONFLICT (coin_key, price_time) DO NOTHING
        """,
        coin_key,
        [point.time_ms for point in points],
        [point.price for point in points],
        [point.market_cap for point in points],
        [point.volume for point in points],
    )
    return int(status.rpartition(" ")[2])


async def select_points(
    connection: asyncpg.Connection | asyncpg.Pool,
    coin_key: int,
    *,
    start_ms: int,
    interval_ms: int,
    limit: int,
) -> tuple[PricePoint, ...]:
    """Return the newest ``limit`` points since a time, oldest first; an interval of 0 is every point."""
    # Served by the primary key (coin_key, price_time). Of a year of five-minute points, a tenth of a second.
    rows = await connection.fetch(
        """
        SELECT
            time_ms - CASE $3::bigint WHEN 0 THEN 0 ELSE time_ms % $3::bigint END AS first_ms,
            (array_agg(price ORDER BY time_ms))[1] AS open,
            max(price) AS high,
            min(price) AS low,
            (array_agg(price ORDER BY time_ms DESC))[1] AS price,
            (array_agg(market_cap ORDER BY time_ms DESC))[1] AS market_cap,
            (array_agg(volume_24h ORDER BY time_ms DESC))[1] AS volume_24h,
            count(*) AS points
        FROM (
            SELECT
                (date_part('epoch', price_time) * 1000)::bigint AS time_ms, price, market_cap, volume_24h
            FROM coin_price
            WHERE coin_key = $1 AND price_time >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
        ) AS known
        GROUP BY 1
        ORDER BY 1 DESC
        LIMIT $4
        """,
        coin_key,
        start_ms,
        interval_ms,
        limit,
    )
    return tuple(PricePoint(*row) for row in reversed(rows))


async def select_days(
    connection: asyncpg.Connection | asyncpg.Pool, coin_key: int, *, start_ms: int, limit: int
) -> tuple[PricePoint, ...]:
    """Return the newest ``limit`` days (UTC) since a time, oldest first.

    Days that were not rolled up yet are rolled up here, so that a job that is late changes nothing.
    """
    # Served by the primary keys of both tables.
    start_ms = start_ms // DAY_MS * DAY_MS
    rows = await connection.fetch(
        """
        SELECT
            (date_part('epoch', day) * 1000)::bigint, open, high, low, close, market_cap, volume_24h, points
        FROM coin_price_daily
        WHERE coin_key = $1 AND day >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
        ORDER BY day DESC
        LIMIT $3
        """,
        coin_key,
        start_ms,
        limit,
    )
    rolled = tuple(PricePoint(*row) for row in reversed(rows))
    after_ms = rolled[-1].time_ms + DAY_MS if rolled else start_ms
    newest = await select_points(connection, coin_key, start_ms=after_ms, interval_ms=DAY_MS, limit=limit)
    return (*rolled, *newest)[-limit:]


async def roll_up(
    connection: asyncpg.Connection | asyncpg.Pool,
    coin_keys: Sequence[int],
    *,
    before_ms: int,
    since_ms: int | None = None,
) -> int:
    """Roll up the days of coins before a midnight, since the newest that is rolled up, and return how many.

    With ``since_ms`` all days since then, for points that came late. A day that is made of more points than
    are left stays as it is.
    """
    status = await connection.execute(_ROLL_UP, list(coin_keys), since_ms, before_ms)
    return int(status.rpartition(" ")[2])


async def select_coin_keys(pool: asyncpg.Pool, *, after_key: int, limit: int) -> tuple[int, ...]:
    """Return the keys of coins of every provider, in order, beginning after the given one."""
    # Served by the unique index on coin_key.
    rows = await pool.fetch(
        "SELECT coin_key FROM coin WHERE coin_key > $1 ORDER BY coin_key LIMIT $2", after_key, limit
    )
    return tuple(row["coin_key"] for row in rows)


async def upsert_backfill(
    connection: asyncpg.Connection | asyncpg.Pool, coin_key: int, points: int, *, now_ms: int
) -> None:
    """Remember that the past of a coin was asked for, and how much of it there was."""
    await connection.execute(
        """
        INSERT INTO coin_backfill (coin_key, points, fetched_at)
        VALUES ($1, $2, 'epoch'::timestamptz + $3::bigint * INTERVAL '1 millisecond')
        ON CONFLICT (coin_key) DO UPDATE SET points = excluded.points, fetched_at = excluded.fetched_at
        """,
        coin_key,
        points,
        now_ms,
    )


async def drop_chunks(pool: asyncpg.Pool, *, before_ms: int) -> int:
    """Forget points by whole chunks where there are some (TimescaleDB), and return how many chunks."""
    return int(
        await pool.fetchval(
            "SELECT drop_coin_price_chunks('epoch'::timestamptz + $1::bigint * INTERVAL '1 millisecond')",
            before_ms,
        )
    )


async def delete_old_points(pool: asyncpg.Pool, *, before_ms: int, limit: int = ROWS_AT_ONCE) -> int:
    """Forget at most ``limit`` points from before a time, and return how many that were."""
    # Served by coin_price_time, or by the chunks of TimescaleDB.
    status = await pool.execute(
        """
        DELETE FROM coin_price
        WHERE (coin_key, price_time) IN (
            SELECT coin_key, price_time
            FROM coin_price
            WHERE price_time < 'epoch'::timestamptz + $1::bigint * INTERVAL '1 millisecond'
            LIMIT $2
        )
        AND price_time < 'epoch'::timestamptz + $1::bigint * INTERVAL '1 millisecond'
        """,
        before_ms,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def delete_old_days(pool: asyncpg.Pool, *, before_ms: int, limit: int = ROWS_AT_ONCE) -> int:
    """Forget at most ``limit`` days from before a time, and return how many that were."""
    # Served by coin_price_daily_day.
    status = await pool.execute(
        """
        DELETE FROM coin_price_daily
        WHERE (coin_key, day) IN (
            SELECT coin_key, day
            FROM coin_price_daily
            WHERE day < 'epoch'::timestamptz + $1::bigint * INTERVAL '1 millisecond'
            ORDER BY day
            LIMIT $2
        )
        """,
        before_ms,
        limit,
    )
    return int(status.rpartition(" ")[2])
