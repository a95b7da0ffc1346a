"""Keeping coins: asking providers for them, filling in their past, rolling it up, and forgetting it."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from plugins.listings.base import ListingsPage
from services.coins.freshness import choose_sync
from services.coins.listings import CURSOR_LIFE_MS
from services.coins.source import ListingsSource
from services.stores import coin_prices, coin_syncs, coins_to_ask
from services.stores.coins import StoredCoin
from utils.clock import Clock
from utils.domain import DAY_MS
from utils.errors import AppError, NotFound, UpstreamGarbage

ACQUIRE_TIMEOUT_S = 2.0
# What a coin is in words changes rarely, and its past only where somebody was not there.
ASK_AGAIN_MS = 30 * DAY_MS
# What concerns one coin: it was removed, or what is said of it cannot be read. The others can be asked for.
OF_ONE_COIN = (NotFound, UpstreamGarbage)

log = logging.getLogger(__name__)

Tell = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Say what a sync did: how many coins the provider listed, how many rows changed, what it refused."""

    provider: str
    coins: int
    changed: int
    points: int
    refused: int
    fetched_ms: int


@dataclass(frozen=True, slots=True)
class ForgottenReport:
    """Say what a clean-up took away: whole chunks, points and days."""

    chunks: int
    points: int
    days: int


class CoinUpkeep:
    """Do what jobs do for coins; everything may be done twice, and by whoever comes first.

    ``announce`` is told after each change, and forgets kept answers on all workers.
    """

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        clock: Clock,
        source: ListingsSource,
        announce: Callable[[], Awaitable[None]],
        history_days: int,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._source = source
        self._announce = announce
        self._history_days = history_days

    async def sync(self, limit: int, provider: str | None = None, *, spare: bool = False) -> SyncReport:
        """Store the first ``limit`` coins of the best provider that answers, or of the one that is named.

        What is stored stays when nobody answers. ``spare`` leaves the calls that the schedule needs.
        Raises: the Upstream errors; NotFound for a provider that
        the settings do not name.
        """
        page = await self._source.fetch_top(limit, provider=provider, spare=spare)
        now_ms = self._clock.now_ms()
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            sync, changed = await coin_syncs.write_page(
                connection, page, now_ms=now_ms, forget_before_ms=now_ms - CURSOR_LIFE_MS
            )
            points = await coin_syncs.insert_prices_of(connection, changed)
        await self._announce()
        _tell_refused(page)
        return SyncReport(sync.provider, sync.coins, len(changed), points, len(page.refused), page.fetched_ms)

    async def backfill(self, count: int, tell: Tell | None = None) -> int:
        """Fill in the past of the first coins by rank that lack it, at most ``count``; return the new points.

        A past is asked for once a month, and as far back as it is kept: what a provider was not asked for
        while the service was down comes with the next time. ``tell`` hears how far it is.
        """
        provider = await self._listed_provider()
        if provider is None:
            return 0
        days = min(self._source.profile(provider).history_days, self._history_days)
        now_ms = self._clock.now_ms()
        coins = await coins_to_ask.select_coins_without_past(
            self._pool, provider, before_ms=now_ms - ASK_AGAIN_MS, limit=count if days else 0
        )
        added = 0
        for place, stored in enumerate(coins, 1):
            added += await self._backfill_one(stored, days)
            if tell is not None:
                await tell(place / len(coins))
        if added:
            await self._announce()
        return added

    async def describe(self, count: int) -> int:
        """Ask for the words and addresses of the first coins by rank that lack them; return how many came.

        Asked for once a month, also where nothing can be told of one coin.
        """
        provider = await self._listed_provider()
        if provider is None:
            return 0
        now_ms = self._clock.now_ms()
        lacking = await coins_to_ask.select_coins_to_describe(
            self._pool, provider, before_ms=now_ms - ASK_AGAIN_MS, limit=count
        )
        came = 0
        for stored in lacking:
            came += await self._describe_one(stored)
        if came:
            await self._announce()
        return came

    async def roll_up(self) -> int:
        """Roll up the days that are over, of every coin, and return how many days were written."""
        before_ms = self._clock.now_ms() // DAY_MS * DAY_MS
        written, after_key = 0, 0
        while keys := await coin_prices.select_coin_keys(
            self._pool, after_key=after_key, limit=coin_prices.COINS_AT_ONCE
        ):
            written += await coin_prices.roll_up(self._pool, keys, before_ms=before_ms)
            after_key = keys[-1]
        return written

    async def clean_up(self) -> ForgottenReport:
        """Forget prices and days that are older than they are kept, and syncs that no cursor names."""
        now_ms = self._clock.now_ms()
        before_ms = now_ms - self._history_days * DAY_MS
        chunks = await coin_prices.drop_chunks(self._pool, before_ms=before_ms)
        points = await _all_of(lambda: coin_prices.delete_old_points(self._pool, before_ms=before_ms))
        days = await _all_of(lambda: coin_prices.delete_old_days(self._pool, before_ms=before_ms))
        await coin_syncs.delete_old_syncs(self._pool, before_ms=now_ms - DAY_MS)
        if chunks or points or days:
            await self._announce()
        return ForgottenReport(chunks, points, days)

    async def _listed_provider(self) -> str | None:
        syncs = await coin_syncs.select_newest_syncs(self._pool)
        sync = choose_sync(syncs, self._source.providers, now_ms=self._clock.now_ms())
        return sync.provider if sync and sync.provider in self._source.providers else None

    async def _describe_one(self, stored: StoredCoin) -> bool:
        try:
            coin = await self._source.fetch_coin(stored.coin.provider, stored.coin.coin_id)
        except OF_ONE_COIN as error:
            _tell_passed_over(stored, error)
            await coins_to_ask.upsert_asked(self._pool, stored.coin_key, now_ms=self._clock.now_ms())
            return False
        await coins_to_ask.upsert_profile(self._pool, stored.coin_key, coin, now_ms=self._clock.now_ms())
        return True

    async def _backfill_one(self, stored: StoredCoin, days: int) -> int:
        try:
            points = await self._source.fetch_history(stored.coin.provider, stored.coin.coin_id, days=days)
        except OF_ONE_COIN as error:
            # Listed, and yet without a past: not asked again before its time.
            _tell_passed_over(stored, error)
            points = ()
        now_ms = self._clock.now_ms()
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            added = await coin_prices.insert_points(connection, stored.coin_key, points)
            await coin_prices.upsert_backfill(connection, stored.coin_key, len(points), now_ms=now_ms)
            if points:
                await coin_prices.roll_up(
                    connection,
                    [stored.coin_key],
                    before_ms=now_ms // DAY_MS * DAY_MS,
                    since_ms=points[0].time_ms // DAY_MS * DAY_MS,
                )
        return added


async def _all_of(forget: Callable[[], Awaitable[int]]) -> int:
    # A piece at a time, so that nobody waits long for what a piece holds.
    forgotten = 0
    while gone := await forget():
        forgotten += gone
    return forgotten


def _tell_passed_over(stored: StoredCoin, error: AppError) -> None:
    coin = stored.coin
    log.warning(
        "a coin was passed over",
        extra={"provider": coin.provider, "coin": coin.coin_id, "reason": error.detail},
    )


def _tell_refused(page: ListingsPage) -> None:
    if page.refused:
        first = page.refused[0]
        log.warning(
            "entries of a listing were refused",
            extra={"provider": page.provider, "refused": len(page.refused), "first_reason": first.reason},
        )
