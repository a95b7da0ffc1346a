"""Symbols that are collected: users ask for them, and their history is filled and kept warm.

What is asked for is a row, so that a restart forgets nothing; what was fetched is known to the store, so that
a filling that was cut off goes on where it ended.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from services.backfill import Backfill, BackfillOrder, Progress, Waiting
from services.idempotency import Keep, keep_nothing
from services.stores import audit, collected_symbols
from services.stores.collected_symbols import CollectedSymbol, SymbolListing
from utils.accounts import Action, Caller, Principal, Role
from utils.clock import Clock
from utils.domain import DAY_MS, Instrument, Timeframe
from utils.errors import AppError, Conflict, NotFound, UpstreamDown, UpstreamError

# What the job is called that does this.
COLLECT = "collect_symbols"
PER_USER_MAX = 20
IN_ALL_MAX = 200
ACQUIRE_TIMEOUT_S = 2.0
# New bars close all the time; history is kept warm by looking again.
WARM_EVERY_MS = 15 * 60_000
# Whoever asks for bars comes first: between two pages the exchange is left alone.
PAUSE_S = 0.5
# Each reaches back over more than a thousand bars, as many as one answer may hold.
DEPTHS_MS = {
    Timeframe(1, "d"): 5 * 366 * DAY_MS,
    Timeframe(1, "h"): 60 * DAY_MS,
    Timeframe(5, "m"): 7 * DAY_MS,
    Timeframe(1, "m"): 2 * DAY_MS,
}
# An exchange that wants to be left alone for longer is tried again in the next round.
WAIT_MAX_S = 10.0
PASSES_MAX = 10

log = logging.getLogger(__name__)

Report = Callable[[float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Collected:
    """Answer a wish: the symbol as it stands, and whether it was ``added`` for this user just now."""

    symbol: CollectedSymbol
    added: bool


async def report_nothing(progress: float, note: str) -> None:
    """Tell nobody how far the work is."""


class Collecting:
    """Keep the list of collected symbols, and their bars."""

    def __init__(self, *, pool: asyncpg.Pool, backfill: Backfill, clock: Clock) -> None:
        self._pool = pool
        self._backfill = backfill
        self._clock = clock

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """Return of what bars are collected, the shortest first."""
        return tuple(sorted(DEPTHS_MS, key=lambda each: each.approximate_ms))

    async def ask(
        self, user_id: int, instrument: Instrument, keep: Keep[Collected] = keep_nothing
    ) -> Collected:
        """Collect an instrument from now on, for this user too; asking twice is asking once.

        Raises: Conflict when there are too many, of this user or of all together.
        """
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            await collected_symbols.lock_collected(connection)
            there = await collected_symbols.select_collected(connection, instrument)
            added = await collected_symbols.insert_asker(
                connection, instrument, user_id, self._clock.now_ms()
            )
            if added:
                # Refused together with what was just written.
                _refuse_too_many(
                    await collected_symbols.count_asked(connection, user_id), new_to_all=there is None
                )
            symbol = await collected_symbols.select_collected(connection, instrument)
            assert symbol is not None
            collected = Collected(symbol, added)
            await keep(connection, collected)
        return collected

    async def list(self) -> tuple[SymbolListing, ...]:
        """Return all that is collected, by market, exchange and symbol."""
        names = [timeframe.text for timeframe in self.timeframes]
        return await collected_symbols.select_listings(self._pool, timeframes=names, limit=IN_ALL_MAX)

    async def remove(
        self, principal: Principal, text: str, caller: Caller, *, market: str | None, exchange: str | None
    ) -> None:
        """Collect a symbol no longer for this user; an admin ends it for everybody. Its bars stay.

        Raises: NotFound when this user asks for nothing of that name; Conflict when several exchanges fit.
        """
        listings = await self.list()
        if principal.role is not Role.ADMIN:
            listings = tuple(each for each in listings if principal.user_id in each.asker_ids)
        symbol = _named(text, (each.symbol for each in listings), market, exchange)
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            await collected_symbols.lock_collected(connection)
            for_all = principal.role is Role.ADMIN
            await collected_symbols.delete_asker(
                connection, symbol.collected_symbol_id, None if for_all else principal.user_id
            )
            if for_all:
                await audit.insert_event(
                    connection,
                    Action.COLLECTED_SYMBOL_REMOVED,
                    caller,
                    actor_user_id=principal.user_id,
                    subject_user_id=None,
                    detail=symbol.instrument.text,
                    now_ms=self._clock.now_ms(),
                )

    async def collect(self, report: Report = report_nothing) -> int:
        """Fill what is missing of every symbol that is due, and return of how many; the new ones come first.

        It may be cancelled at any time: what was stored stays, and the next round goes on from there.
        """
        looked_after = 0
        for _ in range(PASSES_MAX):
            # Again, for those that were asked for meanwhile.
            now_ms = self._clock.now_ms()
            due = await collected_symbols.select_due(
                self._pool, before_ms=now_ms - WARM_EVERY_MS, now_ms=now_ms, limit=IN_ALL_MAX
            )
            if not due:
                break
            await self._look_after(due, report)
            looked_after += len(due)
        return looked_after

    async def _look_after(self, due: Sequence[CollectedSymbol], report: Report) -> None:
        away: dict[tuple[str, str], str] = {}
        for number, symbol in enumerate(due):
            await report(number / len(due), symbol.instrument.text)
            venue = (symbol.instrument.market, symbol.instrument.exchange)
            # Not every symbol of an exchange that is away has to wait for it.
            complaint = away.get(venue)
            try:
                if complaint is None:
                    await self._fill(symbol.instrument)
            except AppError as error:
                complaint = error.detail
                if isinstance(error, UpstreamError):
                    away[venue] = complaint
                log.warning(
                    "symbol not collected", extra={"symbol": symbol.instrument.text, "reason": complaint}
                )
            await collected_symbols.update_tried(
                self._pool, symbol.collected_symbol_id, complaint=complaint, now_ms=self._clock.now_ms()
            )

    async def _fill(self, instrument: Instrument) -> None:
        now_ms = self._clock.now_ms()
        for timeframe, depth_ms in DEPTHS_MS.items():
            order = BackfillOrder(instrument, timeframe, max(0, now_ms - depth_ms))
            async with contextlib.aclosing(self._backfill.run(order)) as steps:
                async for step in steps:
                    if isinstance(step, Waiting) and step.wait_s > WAIT_MAX_S:
                        raise UpstreamDown(step.complaint)
                    if isinstance(step, Progress) and step.missing_ms:
                        await self._clock.sleep_s(PAUSE_S)


def _refuse_too_many(asked: tuple[int, int], *, new_to_all: bool) -> None:
    by_user, by_all = asked
    if by_user > PER_USER_MAX:
        raise Conflict(
            f"You have {PER_USER_MAX} symbols collected, and that is as many as you may. Remove one first.",
            code="too_many_symbols",
        )
    if new_to_all and by_all > IN_ALL_MAX:
        raise Conflict(
            f"{IN_ALL_MAX} symbols are collected already, and no more may be. Ask an admin to remove one.",
            code="too_many_symbols",
        )


def _named(
    text: str, symbols: Iterable[CollectedSymbol], market: str | None, exchange: str | None
) -> CollectedSymbol:
    fitting = [
        each
        for each in symbols
        if _letters(text) in (_letters(each.instrument.symbol), _letters(each.instrument.text))
        and market in (None, each.instrument.market)
        and exchange in (None, each.instrument.exchange)
    ]
    if not fitting:
        raise NotFound(
            "Nothing of that name is collected for you. Ask /api/symbols for what is.", code="not_collected"
        )
    if len(fitting) > 1:
        exchanges = ", ".join(each.instrument.exchange for each in fitting)
        raise Conflict(
            f"That symbol is collected from {exchanges}. Name the exchange.", code="ambiguous_symbol"
        )
    return fitting[0]


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
