"""Timeframes an exchange lacks: series of our own, built once, and again where the finer one changed."""

import asyncpg

from services.bar_writer import write_bars
from services.derivation import build_bars, empty_spans
from services.gaps import Knowledge, find_gaps, name_holes
from services.history_answers import facts_about, fields_of, past_of, text_answer
from services.history_fetcher import Filled, HistoryFetcher
from services.history_query import History, HistoryQuery, HistoryText, Venue
from services.spans import subtract_spans
from services.stores.bars import select_bars
from services.stores.derived_bars import select_buckets
from services.stores.history import BarText
from services.stores.series import Series, lock_series, upsert_series
from utils.domain import Bar, Gap, Span, Timeframe


class DerivedHistory:
    """Answer for timeframes that are built from finer ones."""

    def __init__(self, pool: asyncpg.Pool, fetcher: HistoryFetcher) -> None:
        self._pool = pool
        self._fetcher = fetcher

    async def bars(self, query: HistoryQuery, venue: Venue, base_timeframe: Timeframe) -> History:
        """Return the bars of a query, built where they have not been built or something has changed.

        Raises: an UpstreamError when the exchange fails and nothing is stored that could be shown instead.
        """
        base = await upsert_series(self._pool, query.instrument, base_timeframe)
        series = await upsert_series(self._pool, query.instrument, query.timeframe, derived_from=base)
        whole = query.span(venue.now_ms)
        filled = Filled(base, None)
        moving: dict[int, Bar] = {}
        for span in subtract_spans(whole, series.known):
            if filled.failure is None:
                filled = await self._fetcher.fill(venue, filled.series, span)
            built = await self._build(venue, series, filled.series, span)
            moving |= {bar.open_time_ms: bar for bar in built if not bar.final}
        stored = await select_bars(
            self._pool, series, start_ms=whole.start_ms, end_ms=whole.end_ms, limit=query.limit
        )
        # A stored bar that something has changed since gives way to what can be built now.
        opens = {bar.open_time_ms: bar for bar in stored} | moving
        bars = tuple(opens[open_ms] for open_ms in sorted(opens))
        if filled.failure and not bars:
            raise filled.failure
        knowledge = venue.knowledge(filled.series, failed=filled.failure is not None)
        gaps = _derived_gaps(past_of(whole, query.timeframe, venue), bars, query.timeframe, knowledge)
        facts = facts_about(query, venue, filled, gaps, forming=bool(moving))
        return History(**fields_of(facts), bars=bars)

    async def text(
        self,
        query: HistoryQuery,
        venue: Venue,
        base_timeframe: Timeframe,
        stored: tuple[Series, BarText] | None,
    ) -> HistoryText | History:
        """Return the same as ``bars``, as text where all that is over has been built and stored."""
        if stored is None or stored[0].built_from != base_timeframe:
            return await self.bars(query, venue, base_timeframe)
        series, text = stored
        unbuilt = subtract_spans(query.span(venue.now_ms), series.known)
        if not unbuilt:
            return text_answer(query, venue, Filled(series, None), text)
        if unbuilt[0].start_ms < query.timeframe.floor(venue.now_ms) or text.count >= query.limit:
            return await self.bars(query, venue, base_timeframe)
        # Only the running bucket is left; it is one bar.
        base = await upsert_series(self._pool, query.instrument, base_timeframe)
        filled = await self._fetcher.fill(venue, base, unbuilt[0])
        running = await self._build(venue, series, filled.series, unbuilt[0])
        whole = text.followed_by(running, query.timeframe)
        if filled.failure and not whole.count:
            raise filled.failure
        return text_answer(query, venue, filled, whole)

    async def _build(self, venue: Venue, series: Series, base: Series, span: Span) -> tuple[Bar, ...]:
        proven = (*base.proven, *_lifeless(venue, base, span))
        buckets = await select_buckets(self._pool, base, series.timeframe, span)
        bars, _ = build_bars(buckets, series.timeframe, proven)
        if not any(bar.final for bar in bars) and not empty_spans(
            buckets, series.timeframe, span, base.known
        ):
            return bars
        async with self._pool.acquire(timeout=2) as connection, connection.transaction():
            # Read once more, now that whoever corrects a finer bar waits for this to be written, or is waited
            # for: what was read before may be older than what is known by now.
            # Whoever writes finer bars takes the same two locks in the same order.
            await lock_series(connection, base.series_id)
            await lock_series(connection, series.series_id)
            buckets = await select_buckets(connection, base, series.timeframe, span)
            bars, complete = build_bars(buckets, series.timeframe, proven)
            # Nobody need look again where nobody traded, either.
            known = (*complete, *empty_spans(buckets, series.timeframe, span, base.known))
            await write_bars(connection, series, [bar for bar in bars if bar.final], known=known)
        return bars


def _lifeless(venue: Venue, base: Series, span: Span) -> tuple[Span, ...]:
    knowledge = venue.knowledge(base)
    listed_ms = span.start_ms if knowledge.listed_ms is None else knowledge.listed_ms
    # Of what is merely gone from the list nobody has said when it ended, and it may come back.
    delisted_ms = None if venue.gone else knowledge.delisted_ms
    ended_ms = venue.now_ms if delisted_ms is None else delisted_ms
    return Span(span.start_ms, listed_ms), Span(ended_ms, venue.now_ms)


def _derived_gaps(
    past: Span, bars: tuple[Bar, ...], timeframe: Timeframe, knowledge: Knowledge
) -> tuple[Gap, ...]:
    # A bucket that is over and not complete is a bar and, where nothing is known of it, a gap as well.
    unproven = [
        Span(bar.open_time_ms, timeframe.next(bar.open_time_ms))
        for bar in bars
        if not bar.final and bar.open_time_ms < past.end_ms
    ]
    inside = [hole for span in unproven for hole in subtract_spans(span, knowledge.known)]
    gaps = (*find_gaps(past, bars, timeframe, knowledge), *name_holes(inside, knowledge))
    return tuple(sorted(gaps, key=lambda gap: gap.span.start_ms))
