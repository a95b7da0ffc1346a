"""Fetch what is missing of a series, page by page, and store it."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from plugins.base import BarPage, MarketPlugin, VenueProfile
from services.bar_checks import CLOSE_GRACE_MS, check_rows, judge_closed
from services.bar_writer import Announce, announce_nothing, topics_touched, write_bars
from services.quarantine import Quarantine
from services.stores.series import Series, upsert_quiet
from utils.domain import Bar, Span, Timeframe
from utils.errors import UpstreamGarbage, UpstreamTimeout

PAGE_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class RowsRefused(UpstreamGarbage):
    """Say that an answer held rows that are no bars."""

    def __init__(self, exchange: str, rows: int) -> None:
        super().__init__(
            f"{exchange} sent something that is no market data. Nothing of it was kept. Try again soon.",
            retry_after_s=5,
        )
        self.rows = rows


@dataclass(frozen=True, slots=True)
class CheckedPage:
    """Hold the proven part of one answer: its bars, what it makes known, and where to go on.

    ``next_ms`` is None when the exchange has nothing more. In a ``quiet`` span it had nothing at all.
    """

    bars: tuple[Bar, ...]
    known: Span | None
    next_ms: int | None
    exchange_time_ms: int
    quiet: Span | None = None


class HistoryFiller:
    """Turn missing spans into stored bars; one page is one transaction."""

    def __init__(
        self, pool: asyncpg.Pool, quarantine: Quarantine, announce: Announce = announce_nothing
    ) -> None:
        self._pool = pool
        self._quarantine = quarantine
        self._announce = announce

    async def fill(
        self, plugin: MarketPlugin, profile: VenueProfile, series: Series, missing: Sequence[Span]
    ) -> tuple[Bar, ...]:
        """Fetch the spans in order and return the stored bars that changed, oldest first.

        What was stored before an error stays stored and known.
        Raises: an UpstreamError when the exchange fails; nothing of a bad answer is stored.
        """
        changed: list[Bar] = []
        for span in missing:
            cursor_ms: int | None = span.start_ms
            while cursor_ms is not None and cursor_ms < span.end_ms:
                page = await self._fetch_page(plugin, profile, series, Span(cursor_ms, span.end_ms))
                changed += await self._store_page(series, page)
                cursor_ms = page.next_ms
        return tuple(changed)

    async def _fetch_page(
        self, plugin: MarketPlugin, profile: VenueProfile, series: Series, span: Span
    ) -> CheckedPage:
        timeframe = series.timeframe
        wanted = (span.end_ms - span.start_ms) // timeframe.approximate_ms + 2
        limit = min(profile.page_bars, wanted)
        try:
            async with asyncio.timeout(PAGE_TIMEOUT_S):
                answer = await plugin.fetch_bars(
                    series.instrument, timeframe, start_ms=span.start_ms, limit=limit
                )
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"{series.instrument.exchange} did not answer in time. Try again in a moment.",
                retry_after_s=5,
            ) from error
        except UpstreamGarbage:
            self._quarantine.refuse_answer(series.instrument.exchange)
            raise
        try:
            return read_page(answer, series, profile, span, limit=limit)
        except RowsRefused as error:
            self._quarantine.refuse_rows(series.instrument.exchange, error.rows)
            raise

    async def _store_page(self, series: Series, page: CheckedPage) -> tuple[Bar, ...]:
        checked_ms = page.exchange_time_ms if page.next_ms is None else None
        known = [page.known] if page.known else []
        async with self._pool.acquire(timeout=2) as connection, connection.transaction():
            changed = await write_bars(connection, series, page.bars, known=known, checked_ms=checked_ms)
            if page.quiet:
                await upsert_quiet(connection, series.series_id, page.quiet, asked_ms=page.exchange_time_ms)
            touched = await topics_touched(connection, series, changed)
        await self._announce(touched)
        return changed


def read_page(
    answer: BarPage, series: Series, profile: VenueProfile, span: Span, *, limit: int | None = None
) -> CheckedPage:
    """Check one answer to the question for ``limit`` bars from ``span.start_ms`` on; pure.

    Raises: RowsRefused when any row is wrong; the whole answer is then refused.
    """
    timeframe = series.timeframe
    bars = _believed(answer, series, profile)
    # Some exchanges send bars from before the start as well: those answer another question.
    bars = tuple(bar for bar in bars if bar.open_time_ms >= span.start_ms)
    if not bars:
        # No proof, since some exchanges fall silent for other reasons: it is remembered for a while only.
        over_ms = timeframe.floor(answer.exchange_time_ms - CLOSE_GRACE_MS)
        quiet = Span(_proven_from_ms(answer, timeframe, profile, span), min(span.end_ms, over_ms))
        return CheckedPage(
            (), None, None, answer.exchange_time_ms, quiet if quiet.end_ms > quiet.start_ms else None
        )
    last = bars[-1]
    # What moves is not known yet; but that nothing traded just before it is.
    moving = [bar.open_time_ms for bar in bars if not bar.final]
    known_end_ms = moving[0] if moving else timeframe.next(last.open_time_ms)
    # From the first bar on that came, it is all there, whatever has been dropped before it.
    known_start_ms = min(_proven_from_ms(answer, timeframe, profile, span), bars[0].open_time_ms)
    known = Span(known_start_ms, known_end_ms) if known_end_ms > known_start_ms else None
    # A bar whose time is over may lack the proof that it has closed: the newest one is another.
    newest_ms = timeframe.shift(answer.exchange_time_ms, 0 if profile.forming_included else -1)
    # It would have come with a page that is not full, had anybody traded in it yet.
    full = limit is None or len(bars) >= limit
    end_ms = newest_ms if full else timeframe.shift(newest_ms, -1)
    next_ms = timeframe.next(last.open_time_ms) if last.open_time_ms < end_ms else None
    return CheckedPage(bars, known, next_ms, answer.exchange_time_ms)


def _believed(answer: BarPage, series: Series, profile: VenueProfile) -> tuple[Bar, ...]:
    timeframe, now_ms = series.timeframe, answer.exchange_time_ms
    checked = check_rows(answer.rows, timeframe, exchange_time_ms=now_ms, source=profile.source)
    if checked.refused:
        log.warning(
            "bad answer refused",
            extra={
                "series": series.instrument.text,
                "timeframe": timeframe.text,
                "rows_refused": len(checked.refused),
                "first": checked.refused[0],
            },
        )
        raise RowsRefused(series.instrument.exchange, len(checked.refused))
    return judge_closed(
        checked.bars, timeframe, exchange_time_ms=now_ms, forming_included=profile.forming_included
    )


def _proven_from_ms(answer: BarPage, timeframe: Timeframe, profile: VenueProfile, span: Span) -> int:
    """Return from where on no bar in an answer means that there was none."""
    # An exchange that tells its newest bars alone may have dropped the oldest of them since it was asked.
    oldest_ms = profile.reach_ms(timeframe, answer.exchange_time_ms + CLOSE_GRACE_MS)
    return span.start_ms if oldest_ms is None else max(span.start_ms, oldest_ms)
