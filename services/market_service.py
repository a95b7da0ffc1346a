"""History: the bars of a range, with what each says of itself and a reason for every hole."""

import asyncio
import functools
from dataclasses import dataclass, fields
from typing import Any

import asyncpg

from services.catalog import Catalog, check_timeframe
from services.derivation import build_bars, choose_base
from services.gaps import Knowledge, find_gaps, name_holes
from services.history_filler import HistoryFiller
from services.history_query import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    History,
    HistoryFacts,
    HistoryQuery,
    HistoryText,
    Venue,
    missing_spans,
)
from services.patience import Patience
from services.single_flight import SingleFlight
from services.spans import clip_spans, subtract_spans
from services.stores.bars import select_bars, upsert_bars
from services.stores.derived_bars import select_buckets
from services.stores.history import BarText, select_history
from services.stores.series import Series, select_series, update_known, upsert_series
from services.upstream.shared_flight import SharedFlight
from utils.domain import Bar, Gap, InstrumentSpec, Span, Timeframe
from utils.errors import UpstreamError, UpstreamTimeout

__all__ = ["LIMIT_DEFAULT", "LIMIT_MAX", "History", "HistoryQuery", "HistoryText", "MarketService"]

# All the pages of one request together; the request itself has six seconds.
FILL_TIMEOUT_S = 5.0
# How long a worker waits for another that fills the same series; afterwards it asks by itself.
TURN_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class _Filled:
    series: Series
    failure: UpstreamError | None


class MarketService:
    """Answer for history out of the store, asking the exchange only for what is missing.

    With ``shared`` turns, several workers ask for the same bars once; without, each worker does.
    """

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        catalog: Catalog,
        filler: HistoryFiller,
        shared: SharedFlight | None = None,
    ) -> None:
        self._shared = shared
        self._patience = Patience(FILL_TIMEOUT_S)
        self._pool = pool
        self._catalog = catalog
        self._filler = filler
        self._flight: SingleFlight[tuple[Bar, ...]] = SingleFlight()

    async def close(self) -> None:
        """Stop what is still being fetched."""
        await self._flight.close()

    async def bars(self, query: HistoryQuery) -> History:
        """Return the bars of a query, fetched where they are missing.

        Raises: NotFound and InvalidRequest that say what was probably meant; an UpstreamError when the
        exchange fails and nothing is stored that could be shown instead.
        """
        venue = await self._venue(query)
        base = choose_base(query.timeframe, venue.profile.timeframes)
        if query.timeframe not in venue.profile.timeframes and base is not None:
            return await self._derived(query, venue, base)
        series = await upsert_series(self._pool, query.instrument, query.timeframe)
        whole = query.span(venue.now_ms)
        filled = await self._fill(venue, series, whole)
        stored = await select_bars(
            self._pool, filled.series, start_ms=whole.start_ms, end_ms=whole.end_ms, limit=query.limit
        )
        if filled.failure and not stored:
            raise filled.failure
        knowledge = venue.knowledge(filled.series, failed=filled.failure is not None)
        gaps = find_gaps(_past(whole, query.timeframe, venue), stored, query.timeframe, knowledge)
        forming = any(not bar.final for bar in stored)
        facts = _facts(query, venue, filled, gaps, forming=forming)
        return History(**_fields(facts), bars=stored)

    async def text(self, query: HistoryQuery) -> HistoryText | History:
        """Return the same as ``bars``, with the bars as JSON text where the database can write it.

        When nothing is missing this is one question to the database, and no object is made for a bar.
        """
        venue = await self._venue(query)
        whole = query.span(venue.now_ms)
        found = await self._select_text(query, whole)
        if query.timeframe not in venue.profile.timeframes:
            if found is None or subtract_spans(whole, found[0].known):
                return await self.bars(query)
            return self._text_answer(query, venue, _Filled(found[0], None), found[1])
        failure = None
        if found is None or missing_spans(whole, found[0], venue.knowledge(found[0]), venue.now_ms):
            series = await upsert_series(self._pool, query.instrument, query.timeframe)
            failure = (await self._fill(venue, series, whole)).failure
            found = await self._select_text(query, whole)
        assert found is not None
        series, text = found
        if failure and not text.count:
            raise failure
        return self._text_answer(query, venue, _Filled(series, failure), text)

    async def _select_text(self, query: HistoryQuery, whole: Span) -> tuple[Series, BarText] | None:
        return await select_history(self._pool, query.instrument, query.timeframe, whole, limit=query.limit)

    def _text_answer(self, query: HistoryQuery, venue: Venue, filled: _Filled, text: BarText) -> HistoryText:
        past = _past(query.span(venue.now_ms), query.timeframe, venue)
        if text.first_ms is None or text.last_ms is None:
            holes = [past]
        else:
            after_ms = query.timeframe.next(text.last_ms)
            holes = [Span(past.start_ms, text.first_ms), *text.holes, Span(after_ms, past.end_ms)]
        knowledge = venue.knowledge(filled.series, failed=filled.failure is not None)
        forming = text.last_state is not None and text.last_state.value == "forming"
        facts = _facts(query, venue, filled, name_holes(holes, knowledge), forming=forming)
        return HistoryText(**_fields(facts), text=text)

    async def _venue(self, query: HistoryQuery) -> Venue:
        market, exchange = query.instrument.market, query.instrument.exchange
        plugin = self._catalog.plugin(market)
        profile = await self._catalog.profile(market, exchange)
        if choose_base(query.timeframe, profile.timeframes) is None:
            check_timeframe(query.timeframe, profile.timeframes, exchange)
        spec = await self._find_spec(query)
        return Venue(plugin, profile, spec, plugin.exchange_time_ms(exchange))

    async def _find_spec(self, query: HistoryQuery) -> InstrumentSpec:
        try:
            return await self._catalog.find(query.instrument)
        except UpstreamError:
            # The exchange is away, but bars it once sent can still be shown.
            if await select_series(self._pool, query.instrument, query.timeframe) is None:
                raise
            return InstrumentSpec(query.instrument, query.instrument.symbol, query.instrument.symbol)

    async def _derived(self, query: HistoryQuery, venue: Venue, base_timeframe: Timeframe) -> History:
        """Answer from a series of our own: built once from the finer one, and again where that changed."""
        base = await upsert_series(self._pool, query.instrument, base_timeframe)
        series = await upsert_series(
            self._pool, query.instrument, query.timeframe, derived_from_id=base.series_id
        )
        whole = query.span(venue.now_ms)
        filled = _Filled(base, None)
        moving: dict[int, Bar] = {}
        for span in subtract_spans(whole, series.known):
            if filled.failure is None:
                filled = await self._fill(venue, filled.series, span)
            built = await self._build(series, filled.series, span)
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
        gaps = _derived_gaps(_past(whole, query.timeframe, venue), bars, query.timeframe, knowledge)
        facts = _facts(query, venue, filled, gaps, forming=bool(moving))
        return History(**_fields(facts), bars=bars)

    async def _build(self, series: Series, base: Series, span: Span) -> tuple[Bar, ...]:
        buckets = await select_buckets(self._pool, base, series.timeframe, span)
        bars, complete = build_bars(buckets, series.timeframe, (*base.known, *base.quiet))
        final = [bar for bar in bars if bar.final]
        if final:
            async with self._pool.acquire(timeout=2) as connection, connection.transaction():
                await upsert_bars(connection, series, final)
                await update_known(connection, series.series_id, complete)
        return bars

    async def _fill(self, venue: Venue, series: Series, whole: Span) -> _Filled:
        exchange = series.instrument.exchange
        # Stored bars need not wait for an exchange that hangs; the fetching goes on behind them.
        shown = bool(clip_spans(series.known, whole))
        patience_s = self._patience.wait_s(exchange) if shown else FILL_TIMEOUT_S
        try:
            async with asyncio.timeout(patience_s):
                while missing := missing_spans(whole, series, venue.knowledge(series), venue.now_ms):
                    # One at a time for a series: whoever waits finds most of its own range filled after.
                    waited = self._flight.busy(series.series_id)
                    await self._flight.run(
                        series.series_id, functools.partial(self._fill_in_turn, venue, series, missing, whole)
                    )
                    series = await upsert_series(self._pool, series.instrument, series.timeframe)
                    if not waited:
                        break
        except UpstreamError as error:
            return await self._failed(series, error)
        except TimeoutError:
            detail = f"{exchange} did not answer in time. Try again in a moment."
            return await self._failed(series, UpstreamTimeout(detail, retry_after_s=5))
        return _Filled(series, None)

    async def _fill_in_turn(
        self, venue: Venue, series: Series, missing: list[Span], whole: Span
    ) -> tuple[Bar, ...]:
        if self._shared is None:
            return await self._fetch(venue, series, missing)
        async with self._shared.turn(f"fill:{series.series_id}", TURN_TIMEOUT_S):
            # Another worker may have filled the same while this one waited for its turn.
            series = await upsert_series(self._pool, series.instrument, series.timeframe)
            missing = missing_spans(whole, series, venue.knowledge(series), venue.now_ms)
            return await self._fetch(venue, series, missing)

    async def _fetch(self, venue: Venue, series: Series, missing: list[Span]) -> tuple[Bar, ...]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        changed = await self._filler.fill(venue.plugin, venue.profile, series, missing)
        self._patience.note(series.instrument.exchange, loop.time() - began_s)
        return changed

    async def _failed(self, series: Series, failure: UpstreamError) -> _Filled:
        # Pages before the failure were stored, and are known now.
        return _Filled(await upsert_series(self._pool, series.instrument, series.timeframe), failure)


def _past(whole: Span, timeframe: Timeframe, venue: Venue) -> Span:
    # The interval that is still running holds no bar until its first trade; that is no gap.
    return Span(whole.start_ms, max(whole.start_ms, min(whole.end_ms, timeframe.floor(venue.now_ms))))


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


def _facts(
    query: HistoryQuery, venue: Venue, filled: _Filled, gaps: tuple[Gap, ...], *, forming: bool
) -> HistoryFacts:
    whole = query.span(venue.now_ms)
    failed = filled.failure is not None
    past = whole.end_ms <= query.timeframe.floor(venue.now_ms)
    open_gaps = any(gap.reason.value in ("unfetched", "outage") for gap in gaps)
    return HistoryFacts(
        query=query,
        spec=venue.spec,
        gaps=gaps,
        as_of_ms=_read_ms(filled.series, venue.now_ms) if failed or forming else venue.now_ms,
        stale=failed,
        next_ms=query.next_ms(venue.now_ms),
        settled=past and not failed and not forming and not open_gaps,
    )


def _read_ms(series: Series, now_ms: int) -> int:
    # Closed bars may have come in, by the live feed or by older questions, without the newest being read.
    known_ms = [series.known[-1].end_ms] if series.known else []
    checked_ms = [series.checked_ms] if series.checked_ms is not None else []
    return min(max((*known_ms, *checked_ms), default=now_ms), now_ms)


def _fields(facts: HistoryFacts) -> dict[str, Any]:
    return {field.name: getattr(facts, field.name) for field in fields(facts)}
