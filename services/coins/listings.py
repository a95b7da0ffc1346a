"""Coins as they are asked for: lists, the first of a category, one coin by its name, and histories."""

from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from services.coins.answers import CoinHistory, CoinPage, FoundCoin, ListedCoin, found_by, points_of
from services.coins.freshness import COIN_FRESH_MS, choose_sync, coin_is_stale, is_stale
from services.coins.questions import Cursor, HistoryInterval, HistoryQuestion, ListQuestion
from services.stores import coin_prices, coin_syncs, coins
from services.stores.coin_syncs import Sync
from services.stores.coins import StoredCoin
from utils.clock import Clock
from utils.domain import MINUTE_MS
from utils.errors import FieldError, InvalidRequest, NotFound, unknown
from utils.field_types import CONTROL_CHARACTER

# How long a list can be read on, page by page, after a sync has replaced it.
CURSOR_LIFE_MS = 30 * MINUTE_MS
ACQUIRE_TIMEOUT_S = 2.0
SHARED_SYMBOLS_MAX = 50
LIKELY_NAMES_MAX = 200
NAME_LENGTH_MAX = 128
# As much of a mistyped name as is probably right.
BEGINNING = 2


class CoinListings:
    """Answer questions about coins from the store alone, so that they are answered whoever is away.

    ``providers`` are in order of preference.
    """

    def __init__(self, pool: asyncpg.Pool, clock: Clock, *, providers: Sequence[str]) -> None:
        self._pool = pool
        self._clock = clock
        self._providers = tuple(providers)

    async def top(self, question: ListQuestion) -> CoinPage:
        """Return the first coins of a list that are listed still, as the only page."""
        page = await self.list(question, listed_only=True)
        return replace(page, next=None)

    async def list(
        self, question: ListQuestion, cursor: Cursor | None = None, *, listed_only: bool = False
    ) -> CoinPage:
        """Return a part of the list; with a cursor, of the list as it was on the page before.

        ``listed_only`` leaves out coins that their provider has not listed for hours: those keep the figures
        that they had last.
        Raises: InvalidRequest for a cursor of another list or of one that is too old.
        """
        now_ms = self._clock.now_ms()
        if cursor is not None and cursor.digest != question.digest:
            raise _cursor_refused("This cursor belongs to another list. Ask for the first page of this one.")
        # One look at the database: the cursor of the answer names the sync that the answer is of.
        async with (
            self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            sync = await self._sync(connection, question.provider, cursor, now_ms)
            if sync is None:
                return CoinPage((), 0, question.offset, None, question.provider, None, True, now_ms)
            then = None if cursor is None else sync.sync_id
            offset = question.offset if cursor is None else cursor.offset
            chosen = question.filter
            if listed_only:
                chosen = replace(chosen, fetched_since_ms=sync.fetched_ms - COIN_FRESH_MS)
            found = await coins.select_coins(
                connection,
                sync.provider,
                chosen,
                question.sort_by,
                question.order,
                limit=question.limit,
                offset=offset,
                sync_id=then,
            )
            total = await coins.count_coins(connection, sync.provider, chosen, question.sort_by, then)
        after = offset + len(found)
        following = Cursor(sync.sync_id, after, question.digest).text if found and after < total else None
        return CoinPage(
            coins=tuple(_listed(each, now_ms) for each in found),
            total=total,
            offset=offset,
            next=following,
            provider=sync.provider,
            as_of_ms=sync.fetched_ms,
            stale=is_stale(sync.fetched_ms, now_ms),
            now_ms=now_ms,
        )

    async def get(self, name: str, provider: str | None = None) -> FoundCoin:
        """Return a coin by its id, slug or symbol; of a shared symbol, the coin that ranks highest.

        Raises: NotFound with what was probably meant.
        """
        return (await self._find(name, provider))[1]

    async def history(self, question: HistoryQuestion) -> CoinHistory:
        """Return what a coin was worth. Raises: NotFound as ``get`` does."""
        coin_key, found = await self._find(question.name, question.provider)
        start_ms = found.now_ms - question.range.length_ms
        limit = question.limit + 1
        if question.interval is HistoryInterval.DAY:
            read = await coin_prices.select_days(self._pool, coin_key, start_ms=start_ms, limit=limit)
        else:
            read = await coin_prices.select_points(
                self._pool,
                coin_key,
                start_ms=start_ms,
                interval_ms=question.interval.length_ms,
                limit=limit,
            )
        points, more = points_of(read, question.limit)
        return CoinHistory(found, question, points, more)

    async def _sync(
        self, connection: asyncpg.Connection, provider: str | None, cursor: Cursor | None, now_ms: int
    ) -> Sync | None:
        if cursor is None:
            newest = await coin_syncs.select_newest_syncs(connection)
            return choose_sync(newest, self._providers, now_ms=now_ms, provider=provider)
        oldest_ms = now_ms - CURSOR_LIFE_MS
        sync = await coin_syncs.select_sync(connection, cursor.sync_id, replaced_after_ms=oldest_ms)
        if sync is None or provider not in (None, sync.provider):
            raise _cursor_refused("This cursor is too old. Ask for the first page again.")
        return sync

    async def _find(self, name: str, provider: str | None) -> tuple[int, FoundCoin]:
        now_ms = self._clock.now_ms()
        newest = await coin_syncs.select_newest_syncs(self._pool)
        listed = choose_sync(newest, self._providers, now_ms=now_ms, provider=provider)
        if len(name) > NAME_LENGTH_MAX or CONTROL_CHARACTER.search(name) or listed is None:
            raise _unknown_coin(name, ())
        # What the listed provider does not know another may.
        others = [] if provider else [sync.provider for sync in newest if sync is not listed]
        for each in (listed.provider, *others):
            found = await coins.select_coins_called(self._pool, each, name, limit=SHARED_SYMBOLS_MAX)
            if found:
                return found[0].coin_key, await self._found(found, name, now_ms)
        likely = await coins.select_likely_names(
            self._pool, listed.provider, name[:BEGINNING], limit=LIKELY_NAMES_MAX
        )
        raise _unknown_coin(name, likely)

    async def _found(self, found: tuple[StoredCoin, ...], name: str, now_ms: int) -> FoundCoin:
        first = found[0]
        return FoundCoin(
            listed=_listed(first, now_ms),
            found_by=found_by(first.coin, name),
            others=tuple(each.coin for each in found[1:]),
            profile=await coins.select_profile(self._pool, first.coin_key),
            now_ms=now_ms,
        )


def _listed(stored: StoredCoin, now_ms: int) -> ListedCoin:
    return ListedCoin(stored.coin, stored.fetched_ms, coin_is_stale(stored.fetched_ms, now_ms))


def _cursor_refused(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=(FieldError("cursor", "cursor_refused", detail),))


def _unknown_coin(name: str, known: Sequence[str]) -> NotFound:
    return unknown("coin", name, known, advice="Search for it: /api/v1/cryptocurrencies/?search=NAME.")
