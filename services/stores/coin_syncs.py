"""Answers of providers, written: coins as they are now, as they were before, and what they are worth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import asyncpg

from plugins.listings.base import Coin, ListingsPage
from services.stores.coins import COIN_COLUMNS, RAW_COLUMNS, StoredCoin, read_coin
from utils.json_codec import encode_json

# How many coins one statement writes: some tens of milliseconds of work.
BATCH_COINS = 2_000

_GIVEN = """
    SELECT *
    FROM jsonb_to_recordset($3::jsonb) AS given(
        coin_id text, symbol text, name text, slug text, image_url text, rank integer,
        folded_symbol text, folded_name text, folded_search text,
        price double precision, market_cap double precision, fully_diluted_valuation double precision,
        volume_24h double precision, circulating_supply double precision, total_supply double precision,
        max_supply double precision, all_time_high double precision, all_time_high_ms bigint,
        all_time_low double precision, all_time_low_ms bigint, change_1h_percent double precision,
        change_24h_percent double precision, change_7d_percent double precision,
        change_30d_percent double precision, updated_ms bigint
    )
"""
# An answer that was asked for earlier than what is stored changes nothing, however late it comes; unless what
# is stored comes from a clock that was ahead, by more than those of two machines are apart.
_AHEAD = "fetched_at > 'epoch'::timestamptz + $5::bigint * INTERVAL '1 millisecond' + INTERVAL '1 minute'"
_KEEP = f"""
    INSERT INTO coin_before ({RAW_COLUMNS}, until_sync_id, replaced_at)
    SELECT {RAW_COLUMNS}, $3, 'epoch'::timestamptz + $5::bigint * INTERVAL '1 millisecond'
    FROM coin
    WHERE provider = $1 AND provider_id = ANY($2::text[])
        AND (fetched_at <= 'epoch'::timestamptz + $4::bigint * INTERVAL '1 millisecond' OR {_AHEAD})
"""  # noqa: S608 - the columns and the condition are constants
_UPSERT = f"""
    INSERT INTO coin AS stored (
        provider, provider_id, symbol, name, slug, folded_symbol, folded_name, folded_search, image_url, rank,
        price, market_cap, fully_diluted_valuation, volume_24h, circulating_supply, total_supply, max_supply,
        all_time_high, all_time_high_at, all_time_low, all_time_low_at,
        change_1h_percent, change_24h_percent, change_7d_percent, change_30d_percent,
        updated_at, fetched_at, sync_id
    )
    SELECT
        $1, coin_id, symbol, name, slug, folded_symbol, folded_name, folded_search, image_url, rank,
        price, market_cap, fully_diluted_valuation, volume_24h, circulating_supply, total_supply, max_supply,
        all_time_high, 'epoch'::timestamptz + all_time_high_ms * INTERVAL '1 millisecond',
        all_time_low, 'epoch'::timestamptz + all_time_low_ms * INTERVAL '1 millisecond',
        change_1h_percent, change_24h_percent, change_7d_percent, change_30d_percent,
        'epoch'::timestamptz + updated_ms * INTERVAL '1 millisecond',
        'epoch'::timestamptz + $4::bigint * INTERVAL '1 millisecond', $2
    FROM ({_GIVEN}) AS given
    ON CONFLICT (provider, provider_id) DO UPDATE SET
        symbol = excluded.symbol, name = excluded.name, slug = excluded.slug,
        folded_symbol = excluded.folded_symbol, folded_name = excluded.folded_name,
        folded_search = excluded.folded_search, image_url = excluded.image_url, rank = excluded.rank,
        price = excluded.price, market_cap = excluded.market_cap,
        fully_diluted_valuation = excluded.fully_diluted_valuation, volume_24h = excluded.volume_24h,
        circulating_supply = excluded.circulating_supply, total_supply = excluded.total_supply,
        max_supply = excluded.max_supply,
        all_time_high = excluded.all_time_high, all_time_high_at = excluded.all_time_high_at,
        all_time_low = excluded.all_time_low, all_time_low_at = excluded.all_time_low_at,
        change_1h_percent = excluded.change_1h_percent, change_24h_percent = excluded.change_24h_percent,
        change_7d_percent = excluded.change_7d_percent, change_30d_percent = excluded.change_30d_percent,
        updated_at = excluded.updated_at, fetched_at = excluded.fetched_at, sync_id = excluded.sync_id
    WHERE stored.fetched_at <= excluded.fetched_at OR stored.{_AHEAD}
    RETURNING {COIN_COLUMNS}
"""  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Sync:
    """One good answer of a provider; ``fetched_ms`` is when it was asked."""

    sync_id: int
    provider: str
    coins: int
    fetched_ms: int


async def write_page(
    connection: asyncpg.Connection, page: ListingsPage, *, now_ms: int, forget_before_ms: int
) -> tuple[Sync, tuple[StoredCoin, ...]]:
    """Write an answer, and return its sync and the coins that it changed.

    To be called in a transaction, at whose end the sync becomes visible as a whole. What coins were before
    is kept, and what was replaced before ``forget_before_ms`` is forgotten.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('accessibletrader coins ' || $1, 0))", page.provider
    )
    sync_id = await _insert_sync(connection, page, now_ms)
    written: list[asyncpg.Record] = []
    for first in range(0, len(page.coins), BATCH_COINS):
        coins = page.coins[first : first + BATCH_COINS]
        ids = [coin.coin_id for coin in coins]
        await connection.execute(_KEEP, page.provider, ids, sync_id, page.fetched_ms, now_ms)
        given = encode_json([_row(coin) for coin in coins]).decode()
        written += await connection.fetch(_UPSERT, page.provider, sync_id, given, page.fetched_ms, now_ms)
    # Served by coin_before_replaced_at.
    await connection.execute(
        """
        DELETE FROM coin_before
        WHERE replaced_at < 'epoch'::timestamptz + $1::bigint * INTERVAL '1 millisecond'
        """,
        forget_before_ms,
    )
    sync = Sync(sync_id, page.provider, len(page.coins), page.fetched_ms)
    return sync, tuple(map(read_coin, written))


async def select_newest_syncs(connection: asyncpg.Connection | asyncpg.Pool) -> tuple[Sync, ...]:
    """Return the newest answer of every provider that ever answered."""
    # Served by coin_sync_provider.
    rows = await connection.fetch(
        """
        WITH RECURSIVE named AS (
            SELECT min(provider) AS provider FROM coin_sync
            UNION ALL
            SELECT (SELECT min(provider) FROM coin_sync WHERE provider > named.provider)
            FROM named WHERE named.provider IS NOT NULL
        )
        SELECT newest.*
        FROM named
        CROSS JOIN LATERAL (
            SELECT sync_id, provider, coins, (date_part('epoch', fetched_at) * 1000)::bigint AS fetched_ms
            FROM coin_sync
            WHERE coin_sync.provider = named.provider
            ORDER BY sync_id DESC
            LIMIT 1
        ) AS newest
        ORDER BY provider
        """
    )
    return tuple(Sync(*row) for row in rows)


async def select_sync(
    connection: asyncpg.Connection | asyncpg.Pool, sync_id: int, *, replaced_after_ms: int
) -> Sync | None:
    """Return a sync; None when there is none, or when the one after it came before the given time."""
    # Served by the primary key and by coin_sync_provider.
    row = await connection.fetchrow(
        """
        SELECT sync_id, provider, coins, (date_part('epoch', fetched_at) * 1000)::bigint AS fetched_ms
        FROM coin_sync
        WHERE sync_id = $1 AND NOT coalesce(
            (
                SELECT following.stored_at
                FROM coin_sync AS following
                WHERE following.provider = coin_sync.provider AND following.sync_id > coin_sync.sync_id
                ORDER BY following.sync_id
                LIMIT 1
            ) < 'epoch'::timestamptz + $2::bigint * INTERVAL '1 millisecond',
            FALSE
        )
        """,
        sync_id,
        replaced_after_ms,
    )
    return None if row is None else Sync(*row)


async def delete_old_syncs(connection: asyncpg.Connection | asyncpg.Pool, *, before_ms: int) -> None:
    """Forget answers from before this time, but never the newest of a provider."""
    await connection.execute(
        """
        DELETE FROM coin_sync
        WHERE stored_at < 'epoch'::timestamptz + $1::bigint * INTERVAL '1 millisecond'
            AND EXISTS (
                SELECT FROM coin_sync AS newer
                WHERE newer.provider = coin_sync.provider AND newer.sync_id > coin_sync.sync_id
            )
        """,
        before_ms,
    )


async def _insert_sync(connection: asyncpg.Connection, page: ListingsPage, now_ms: int) -> int:
    sync_id: int = await connection.fetchval(
        """
        INSERT INTO coin_sync (provider, coins, fetched_at, stored_at)
        VALUES (
            $1, $2, 'epoch'::timestamptz + $3::bigint * INTERVAL '1 millisecond',
            'epoch'::timestamptz + $4::bigint * INTERVAL '1 millisecond'
        )
        RETURNING sync_id
        """,
        page.provider,
        len(page.coins),
        page.fetched_ms,
        now_ms,
    )
    return sync_id


def _row(coin: Coin) -> dict[str, object]:
    searched = f"{coin.name}\n{coin.symbol}\n{coin.slug}\n{coin.coin_id}"
    return {
        "coin_id": coin.coin_id,
        "symbol": coin.symbol,
        "name": coin.name,
        "slug": coin.slug,
        "folded_symbol": coin.symbol.casefold(),
        "folded_name": coin.name.casefold(),
        "folded_search": searched.casefold(),
        "image_url": coin.image_url,
        "rank": coin.rank,
        **asdict(coin.figures),
    }


async def insert_prices_of(connection: asyncpg.Connection, coins: Sequence[StoredCoin]) -> int:
    """Add what coins are worth to their history, and return how many of these points were new."""
    points = [each for each in coins if each.coin.figures.price is not None]
    figures = [each.coin.figures for each in points]
    status = await connection.execute(
        """
        INSERT INTO coin_price (coin_key, price_time, price, market_cap, volume_24h)
        SELECT
            coin_key, 'epoch'::timestamptz + time_ms * INTERVAL '1 millisecond', price, market_cap, volume_24h
        FROM unnest(
            $1::integer[], $2::bigint[],
            $3::double precision[], $4::double precision[], $5::double precision[]
        ) AS given(coin_key, time_ms, price, market_cap, volume_24h)
        ORDER BY coin_key
        ON CONFLICT (coin_key, price_time) DO NOTHING
        """,
        [each.coin_key for each in points],
        [min(each.coin.figures.updated_ms or each.fetched_ms, each.fetched_ms) for each in points],
        [each.price for each in figures],
        [each.market_cap for each in figures],
        [each.volume_24h for each in figures],
    )
    return int(status.rpartition(" ")[2])
