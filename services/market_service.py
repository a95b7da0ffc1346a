"""History: the bars of a range, with what each says of itself and a reason for every hole."""

import asyncpg

from services.catalog import Catalog, check_timeframe
from services.derivation import choose_base
from services.derived_history import DerivedHistory
from services.gaps import find_gaps
from services.history_answers import facts_about, fields_of, past_of, text_answer
from services.history_fetcher import Filled, HistoryFetcher
from services.history_filler import HistoryFiller
from services.history_query import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    History,
    HistoryQuery,
    HistoryText,
    Venue,
    missing_spans,
)
from services.stores.bars import select_bars
from services.stores.history import BarText, select_history
from services.stores.series import Series, select_series, upsert_series
from services.stores.stored_instruments import select_known_end_ms
from services.timeframe_choice import Choice, choose_timeframe
from services.upstream.shared_flight import SharedFlight
from utils.domain import InstrumentSpec, Span
from utils.errors import FieldError, InvalidRequest, NotFound, UpstreamError

__all__ = ["LIMIT_DEFAULT", "LIMIT_MAX", "History", "HistoryQuery", "HistoryText", "MarketService"]


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
        self._pool = pool
        self._catalog = catalog
        self._fetcher = HistoryFetcher(pool, filler, shared)
        self._derived = DerivedHistory(pool, self._fetcher)

    async def close(self) -> None:
        """Stop what is still being fetched."""
        await self._fetcher.close()

    async def bars(self, query: HistoryQuery) -> History:
        """Return the bars of a query, fetched where they are missing.

        Raises: NotFound and InvalidRequest that say what was probably meant; an UpstreamError when the
        exchange fails and nothing is stored that could be shown instead.
        """
        venue = await self._venue(query)
        query = venue.anchored(query)
        base = choose_base(query.timeframe, venue.profile.timeframes)
        if query.timeframe not in venue.profile.timeframes and base is not None:
            return await self._derived.bars(query, venue, base)
        series = await upsert_series(self._pool, query.instrument, query.timeframe)
        whole = query.span(venue.now_ms)
        filled = await self._fetcher.fill(venue, series, whole)
        stored = await select_bars(
            self._pool, filled.series, start_ms=whole.start_ms, end_ms=whole.end_ms, limit=query.limit
        )
        if filled.failure and not stored:
            raise filled.failure
        knowledge = venue.knowledge(filled.series, failed=filled.failure is not None)
        gaps = find_gaps(past_of(whole, query.timeframe, venue), stored, query.timeframe, knowledge)
        forming = any(not bar.final for bar in stored)
        facts = facts_about(query, venue, filled, gaps, forming=forming)
        return History(**fields_of(facts), bars=stored)

    async def text(self, query: HistoryQuery) -> HistoryText | History:
        """Return the same as ``bars``, with the bars as JSON text where the database can write it.

        When nothing is missing this is one question to the database, and no object is made for a bar.
        """
        venue = await self._venue(query)
        query = venue.anchored(query)
        whole = query.span(venue.now_ms)
        found = await self._select_text(query, whole)
        base = choose_base(query.timeframe, venue.profile.timeframes)
        if query.timeframe not in venue.profile.timeframes and base is not None:
            return await self._derived.text(query, venue, base, found)
        failure = None
        if (
            found is None
            or found[0].built_from is not None
            or missing_spans(whole, found[0], venue.knowledge(found[0]), venue.now_ms)
        ):
            series = await upsert_series(self._pool, query.instrument, query.timeframe)
            failure = (await self._fetcher.fill(venue, series, whole)).failure
            found = await self._select_text(query, whole)
        assert found is not None
        series, text = found
        if failure and not text.count:
            raise failure
        return text_answer(query, venue, Filled(series, failure), text)

    async def choose_timeframe(self, market: str, exchange: str, span: Span, points: int) -> Choice:
        """Return the finest timeframe of an exchange that shows the span in at most so many bars.

        Raises: NotFound, and InvalidRequest where the exchange has no bars at all.
        """
        profile = await self._catalog.profile(market, exchange)
        if not profile.timeframes:
            detail = f"{exchange} has no bars of any timeframe. Ask another exchange."
            raise InvalidRequest(detail, errors=(FieldError("timeframe", "unknown_timeframe", detail),))
        return choose_timeframe(span, points, profile.timeframes)

    async def _select_text(self, query: HistoryQuery, whole: Span) -> tuple[Series, BarText] | None:
        return await select_history(self._pool, query.instrument, query.timeframe, whole, limit=query.limit)

    async def _venue(self, query: HistoryQuery) -> Venue:
        market, exchange = query.instrument.market, query.instrument.exchange
        plugin = self._catalog.plugin(market)
        profile = await self._catalog.profile(market, exchange)
        if choose_base(query.timeframe, profile.timeframes) is None:
            check_timeframe(query.timeframe, profile.timeframes, exchange)
        now_ms = plugin.exchange_time_ms(exchange)
        instrument = query.instrument
        try:
            return Venue(plugin, profile, await self._catalog.find(instrument), now_ms)
        except UpstreamError:
            # The exchange is away, but bars it once sent can still be shown.
            if await select_series(self._pool, instrument, query.timeframe) is None:
                raise
            return Venue(plugin, profile, InstrumentSpec.unlisted(instrument), now_ms, certain=False)
        except NotFound as error:
            # The same holds for bars of what it no longer lists.
            end_ms = await select_known_end_ms(self._pool, instrument)
            if error.error_code != "unknown_symbol" or end_ms is None:
                raise
            spec = InstrumentSpec.unlisted(instrument, end_ms)
            return Venue(plugin, profile, spec, now_ms, gone=True, certain=False)
