"""Coins of which more is to be asked than a list says, words and past; and the words that came."""

import asyncpg

from plugins.listings.base import Coin
from services.stores.coins import COIN_COLUMNS, StoredCoin, read_coin
from utils.json_codec import encode_json


async def upsert_profile(
    connection: asyncpg.Connection | asyncpg.Pool, coin_key: int, coin: Coin, *, now_ms: int
) -> None:
    """Keep what a coin is in words, and its addresses."""
    await connection.execute(
        """
        INSERT INTO coin_profile (coin_key, description, links, fetched_at)
        VALUES ($1, $2, $3::jsonb, 'epoch'::timestamptz + $4::bigint * INTERVAL '1 millisecond')
        ON CONFLICT (coin_key) DO UPDATE
        SET description = excluded.description, links = excluded.links, fetched_at = excluded.fetched_at
        """,
        coin_key,
        coin.description,
        encode_json(coin.links).decode(),
        now_ms,
    )


async def upsert_asked(connection: asyncpg.Connection | asyncpg.Pool, coin_key: int, *, now_ms: int) -> None:
    """Note that a coin was asked for in vain; the words that came once stay."""
    await connection.execute(
        """
        INSERT INTO coin_profile (coin_key, description, links, fetched_at)
        VALUES ($1, NULL, '[]', 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond')
        ON CONFLICT (coin_key) DO UPDATE SET fetched_at = excluded.fetched_at
        """,
        coin_key,
        now_ms,
    )


async def select_coins_to_describe(
    pool: asyncpg.Pool, provider: str, *, before_ms: int, limit: int
) -> tuple[StoredCoin, ...]:
    """Return the first coins by rank that nobody has described, or not since the given time."""
    # Served by coin_rank; the descriptions are joined by their primary key.
    rows = await pool.fetch(
        f"""
        SELECT {COIN_COLUMNS}
        FROM coin
        WHERE provider = $1 AND NOT EXISTS (
            SELECT FROM coin_profile
            WHERE coin_profile.coin_key = coin.coin_key
                AND coin_profile.fetched_at >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
        )
        ORDER BY rank NULLS LAST, provider_id
        LIMIT $3
        """,  # noqa: S608 - the columns are a constant
        provider,
        before_ms,
        limit,
    )
    return tuple(map(read_coin, rows))


async def select_coins_without_past(
    pool: asyncpg.Pool, provider: str, *, before_ms: int, limit: int
) -> tuple[StoredCoin, ...]:
    """Return the first coins by rank whose past nobody has asked for, or not since the given time."""
    # As above.
    rows = await pool.fetch(
        f"""
        SELECT {COIN_COLUMNS}
        FROM coin
        WHERE provider = $1 AND NOT EXISTS (
            SELECT FROM coin_backfill
            WHERE coin_backfill.coin_key = coin.coin_key
                AND coin_backfill.fetched_at >= 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond'
        )
        ORDER BY rank NULLS LAST, provider_id
        LIMIT $3
        """,  # noqa: S608 - as above
        provider,
        before_ms,
        limit,
    )
    return tuple(map(read_coin, rows))
