"""Coins as rows, read: lists in any order, now or as they were after a sync, and coins by their names."""

from dataclasses import dataclass
from itertools import product

import asyncpg
import orjson

from plugins.listings.base import Coin, CoinFigures, CoinLink
from services.stores.coin_filters import CoinFilter, Order, SortBy

# What a table of coins holds, but for what a coin_before has beside it.
RAW_COLUMNS = """
    coin_key, provider, provider_id, symbol, name, slug, folded_symbol, folded_name, folded_search,
    image_url, rank, price, market_cap, fully_diluted_valuation, volume_24h,
    circulating_supply, total_supply, max_supply,
    all_time_high, all_time_high_at, all_time_low, all_time_low_at,
    change_1h_percent, change_24h_percent, change_7d_percent, change_30d_percent,
    updated_at, fetched_at, sync_id
"""
COIN_COLUMNS = """
    coin_key, provider, provider_id, symbol, name, slug, image_url, rank,
    price, market_cap, fully_diluted_valuation, volume_24h, circulating_supply, total_supply, max_supply,
    all_time_high, (date_part('epoch', all_time_high_at) * 1000)::bigint AS all_time_high_ms,
    all_time_low, (date_part('epoch', all_time_low_at) * 1000)::bigint AS all_time_low_ms,
    change_1h_percent, change_24h_percent, change_7d_percent, change_30d_percent,
    (date_part('epoch', updated_at) * 1000)::bigint AS updated_ms,
    (date_part('epoch', fetched_at) * 1000)::bigint AS fetched_ms
"""
_NOW = f"SELECT {RAW_COLUMNS} FROM coin WHERE provider = $1 AND $13::bigint IS NULL"  # noqa: S608
# What a sync replaced later is what a list was after an earlier one.
_THEN = f"""
    SELECT {RAW_COLUMNS} FROM coin WHERE provider = $1 AND sync_id <= $13::bigint
    UNION ALL
    SELECT {RAW_COLUMNS} FROM coin_before
    WHERE provider = $1 AND sync_id <= $13::bigint AND until_sync_id > $13::bigint
"""  # noqa: S608 - the columns are a constant of this module
_FITS = """
    ($2::text[] IS NULL OR folded_symbol = ANY($2::text[]))
    AND ($3::text = '' OR strpos(folded_search, $3::text) > 0)
    AND ($4::double precision IS NULL OR market_cap >= $4::double precision)
    AND ($5::double precision IS NULL OR market_cap <= $5::double precision)
    AND ($6::double precision IS NULL OR price >= $6::double precision)
    AND ($7::double precision IS NULL OR price <= $7::double precision)
    AND ($8::double precision IS NULL OR volume_24h >= $8::double precision)
    AND ($9::double precision IS NULL OR volume_24h <= $9::double precision)
    AND ($12::bigint IS NULL OR fetched_at >= 'epoch'::timestamptz + $12::bigint * INTERVAL '1 millisecond')
"""
_TEXTS = {SortBy.NAME: "folded_name", SortBy.SYMBOL: "folded_symbol"}
_FIGURES = {
    sort_by: "volume_24h / nullif(market_cap, 0)" if sort_by is SortBy.TURNOVER else sort_by.value
    for sort_by in SortBy
    if sort_by not in _TEXTS
}
# $10: only coins that have the figure; $11: only those where it is above 0, or below.
_SIGN = """
    AND (NOT $10::boolean OR {figure} IS NOT NULL)
    AND CASE WHEN $11::boolean IS NULL THEN TRUE WHEN $11::boolean THEN {figure} > 0 ELSE {figure} < 0 END
"""
_NO_SIGN = "AND $10::boolean IS NOT NULL AND $11::boolean IS NULL"
# Written out once for every order, from constants alone, so that each can have its index.
_FROM = {
    (sort_by, then): " ".join(
        (
            "FROM (",
            _THEN if then else _NOW,
            ") AS listed WHERE",
            _FITS,
            _SIGN.format(figure=_FIGURES[sort_by]) if sort_by in _FIGURES else _NO_SIGN,
        )
    )
    for sort_by, then in product(SortBy, (False, True))
}
_COUNT = "SELECT count(*)"
_COUNTS = {key: f"{_COUNT} {text}" for key, text in _FROM.items()}
_PAGES = {
    (sort_by, order, then): " ".join(
        (
            f"SELECT {COIN_COLUMNS}",
            text,
            f"ORDER BY {_TEXTS.get(sort_by) or _FIGURES[sort_by]} {order} NULLS LAST, provider_id",
            "LIMIT $14 OFFSET $15",
        )
    )
    for (sort_by, then), text in _FROM.items()
    for order in Order
}


@dataclass(frozen=True, slots=True)
class StoredCoin:
    """A coin as it was listed last; ``fetched_ms`` is when its provider was asked."""

    coin_key: int
    coin: Coin
    fetched_ms: int


@dataclass(frozen=True, slots=True)
class Profile:
    """Say what a coin is, and when its provider said so."""

    description: str | None
    links: tuple[CoinLink, ...]
    fetched_ms: int


async def count_coins(
    connection: asyncpg.Connection, provider: str, chosen: CoinFilter, sort_by: SortBy, sync_id: int | None
) -> int:
    """Return how many coins of a provider fit, now or as they were after a sync."""
    statement = _COUNTS[sort_by, sync_id is not None]
    return int(await connection.fetchval(statement, *_arguments(provider, chosen, sync_id)))


async def select_coins(
    connection: asyncpg.Connection,
    provider: str,
    chosen: CoinFilter,
    sort_by: SortBy,
    order: Order,
    *,
    limit: int,
    offset: int,
    sync_id: int | None,
) -> tuple[StoredCoin, ...]:
    """Return a part of a provider's coins in order, now or as they were after a sync.

    What lacks the figure comes last in both orders; equal ones come by their id.
    """
    # Served by coin_market_cap, coin_volume and coin_rank; other orders sort what fits.
    statement = _PAGES[sort_by, order, sync_id is not None]
    rows = await connection.fetch(statement, *_arguments(provider, chosen, sync_id), limit, offset)
    return tuple(map(read_coin, rows))


def _arguments(provider: str, chosen: CoinFilter, sync_id: int | None) -> tuple[object, ...]:
    bounds = chosen.bounds
    return (
        provider,
        [symbol.casefold() for symbol in chosen.symbols] or None,
        chosen.search.casefold(),
        bounds.min_market_cap,
        bounds.max_market_cap,
        bounds.min_price,
        bounds.max_price,
        bounds.min_volume,
        bounds.max_volume,
        chosen.sort_known,
        chosen.gaining,
        chosen.fetched_since_ms,
        sync_id,
    )


async def select_coins_called(
    connection: asyncpg.Connection | asyncpg.Pool, provider: str, name: str, *, limit: int
) -> tuple[StoredCoin, ...]:
    """Return the coins of a provider with this id, slug or symbol, in that order, then by rank."""
    # Served by the primary key, coin_slug and coin_symbol.
    folded = name.casefold()
    rows = await connection.fetch(
        f"""
        SELECT {COIN_COLUMNS}
        FROM coin
        WHERE provider = $1 AND (provider_id IN ($2, $3) OR slug IN ($2, $3) OR folded_symbol = $3)
        ORDER BY provider_id <> $2, provider_id <> $3, slug NOT IN ($2, $3), rank NULLS LAST,
            market_cap DESC NULLS LAST, provider_id
        LIMIT $4
        """,  # noqa: S608 - the columns are a constant of this module
        provider,
        name,
        folded,
        limit,
    )
    return tuple(map(read_coin, rows))


async def select_likely_names(
    connection: asyncpg.Connection | asyncpg.Pool, provider: str, beginning: str, *, limit: int
) -> tuple[str, ...]:
    """Return ids and symbols of the first coins by rank that hold this text, for whoever mistyped."""
    # Some thousands of rows are looked through, and only for a question that was wrong.
    rows = await connection.fetch(
        """
        SELECT provider_id, symbol
        FROM coin
        WHERE provider = $1 AND strpos(folded_search, $2) > 0
        ORDER BY rank NULLS LAST, provider_id
        LIMIT $3
        """,
        provider,
        beginning.casefold(),
        limit,
    )
    return tuple(name for row in rows for name in (row["provider_id"], row["symbol"]))


async def select_profile(connection: asyncpg.Connection | asyncpg.Pool, coin_key: int) -> Profile | None:
    """Return what a coin is in words; None when that was not asked yet."""
    # Served by the primary key.
    row = await connection.fetchrow(
        """
        SELECT description, links, (date_part('epoch', fetched_at) * 1000)::bigint AS fetched_ms
        FROM coin_profile
        WHERE coin_key = $1
        """,
        coin_key,
    )
    if row is None:
        return None
    links = tuple(CoinLink(each["kind"], each["url"]) for each in orjson.loads(row["links"]))
    return Profile(row["description"], links, row["fetched_ms"])


def read_coin(row: asyncpg.Record) -> StoredCoin:
    """Return the coin of a row that holds COIN_COLUMNS."""
    (
        coin_key, provider, provider_id, symbol, name, slug, image_url, rank,
        price, market_cap, fully_diluted, volume, circulating, total, most,
        high, high_ms, low, low_ms, hour, day, week, month, updated_ms, fetched_ms,
    ) = row  # fmt: skip
    figures = CoinFigures(
        price=price,
        market_cap=market_cap,
        fully_diluted_valuation=fully_diluted,
        volume_24h=volume,
        circulating_supply=circulating,
        total_supply=total,
        max_supply=most,
        all_time_high=high,
        all_time_high_ms=high_ms,
        all_time_low=low,
        all_time_low_ms=low_ms,
        change_1h_percent=hour,
        change_24h_percent=day,
        change_7d_percent=week,
        change_30d_percent=month,
        updated_ms=updated_ms,
    )
    coin = Coin(provider, provider_id, symbol, name, slug, figures, rank=rank, image_url=image_url)
    return StoredCoin(coin_key, coin, fetched_ms)
