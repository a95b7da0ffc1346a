"""History: the bars of a range, with what each says of itself and a reason for every hole."""

import asyncio
import functools
from dataclasses import dataclass

import asyncpg

from plugins.base import MarketPlugin, VenueProfile
from services.catalog import Catalog, check_timeframe
from services.gaps import Knowledge, find_gaps
from services.history_filler import HistoryFiller
from services.single_flight import SingleFlight
from services.spans import subtract_spans
from services.stores.bars import select_bars
from services.stores.series import Series, select_series, upsert_series
from utils.domain import Bar, BarState, Gap, Instrument, InstrumentSpec, Span, Timeframe
from utils.errors import UpstreamError, UpstreamTimeout

LIMIT_MAX = 5_000
LIMIT_DEFAULT = 500
# How old the newest bars may be before the exchange is asked again.
FORMING_MAX_AGE_MS = 10_000
# All the pages of one request together; the request itself has six seconds.
FILL_TIMEOUT_S = 5.0
FILL_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Ask for bars that open in ``[start_ms, end_ms)``; at most ``limit``.

    Without a start: the newest ``limit`` timeframes before the end. Without an end: up to now, the forming
    bar included.
    """

    instrument: Instrument
    timeframe: Timeframe
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = LIMIT_DEFAULT


@dataclass(frozen=True, slots=True)
class History:
    """Answer a query: bars oldest first, holes with reasons, and how fresh all of it is.

    ``next_ms`` is the start of the next query when the range holds more than the limit.
    """

    query: HistoryQuery
    spec: InstrumentSpec
    bars: tuple[Bar, ...]
    gaps: tuple[Gap, ...]
    as_of_ms: int
    stale: bool
    next_ms: int | None

    @property
    def last_bar_state(self) -> BarState | None:
        """Return the state of the newest bar, None without bars."""
        return self.bars[-1].state if self.bars else None

    @property
    def revision(self) -> int:
        """Return the highest revision among the bars; 0 when none was corrected."""
        return max((bar.revision for bar in self.bars), default=0)


class MarketService:
    """Answer for history out of the store, asking the exchange only for what is missing."""

    def __init__(self, *, pool: asyncpg.Pool, catalog: Catalog, filler: HistoryFiller) -> None:
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
        market, exchange = query.instrument.market, query.instrument.exchange
        plugin = self._catalog.plugin(market)
        profile = await self._catalog.profile(market, exchange)
        check_timeframe(query.timeframe, profile.timeframes, exchange)
        venue = _Venue(plugin, profile, await self._find_spec(query), plugin.exchange_time_ms(exchange))
        whole = query_span(query, venue.now_ms)
        series = await upsert_series(self._pool, query.instrument, query.timeframe)
        failure = await self._fill(venue, series, whole)
        series = await upsert_series(self._pool, query.instrument, query.timeframe)
        stored = await select_bars(
            self._pool, series, start_ms=whole.start_ms, end_ms=whole.end_ms, limit=query.limit
        )
        if failure and not stored:
            raise failure
        return _answer(query, venue, series, stored, failed=failure is not None)

    async def _find_spec(self, query: HistoryQuery) -> InstrumentSpec:
        try:
            return await self._catalog.find(query.instrument)
        except UpstreamError:
            # The exchange is away, but bars it once sent can still be shown.
            if await select_series(self._pool, query.instrument, query.timeframe) is None:
                raise
            return InstrumentSpec(query.instrument, query.instrument.symbol, query.instrument.symbol)

    async def _fill(self, venue: "_Venue", series: Series, whole: Span) -> UpstreamError | None:
        try:
            async with asyncio.timeout(FILL_TIMEOUT_S):
                for _ in range(FILL_ATTEMPTS):
                    missing = missing_spans(whole, series, venue.knowledge(series), venue.now_ms)
                    if not missing:
                        return None
                    # One at a time for a series: whoever waits finds most of its own range filled after.
                    waited = self._flight.busy(series.series_id)
                    await self._flight.run(
                        series.series_id,
                        functools.partial(self._filler.fill, venue.plugin, venue.profile, series, missing),
                    )
                    if not waited:
                        return None
                    series = await upsert_series(self._pool, series.instrument, series.timeframe)
        except UpstreamError as error:
            return error
        except TimeoutError:
            return UpstreamTimeout(
                f"{series.instrument.exchange} did not answer in time. Try again in a moment.",
                retry_after_s=5,
            )
        return None


@dataclass(frozen=True, slots=True)
class _Venue:
    plugin: MarketPlugin
    profile: VenueProfile
    spec: InstrumentSpec
    now_ms: int

    def knowledge(self, series: Series, *, failed: bool = False) -> Knowledge:
        reach = self.profile.history_bars
        return Knowledge(
            known=series.known,
            listed_ms=self.spec.listed_ms if self.spec.listed_ms is not None else series.first_bar_ms,
            delisted_ms=self.spec.delisted_ms,
            reach_ms=series.timeframe.shift(self.now_ms, 1 - reach) if reach is not None else None,
            failed=failed,
        )


def query_span(query: HistoryQuery, now_ms: int) -> Span:
    """Return the span of one answer: at most ``limit`` timeframes, never beyond the forming bar; pure."""
    timeframe = query.timeframe
    head_ms = timeframe.next(now_ms)
    end_ms = head_ms if query.end_ms is None else min(timeframe.ceil(query.end_ms), head_ms)
    if query.start_ms is None:
        start_ms = timeframe.shift(end_ms, -query.limit)
    else:
        start_ms = timeframe.ceil(query.start_ms)
        end_ms = min(end_ms, timeframe.shift(start_ms, query.limit))
    return Span(start_ms, max(start_ms, end_ms))


def missing_spans(whole: Span, series: Series, knowledge: Knowledge, now_ms: int) -> list[Span]:
    """Return what has to be asked of the exchange: what may exist, is not known, and is not fresh; pure."""
    timeframe = series.timeframe
    start_ms = max(whole.start_ms, knowledge.listed_ms or 0, knowledge.reach_ms or 0)
    end_ms = min(whole.end_ms, knowledge.delisted_ms or whole.end_ms)
    known = list(series.known)
    max_age_ms = min(FORMING_MAX_AGE_MS, timeframe.approximate_ms)
    if known and series.checked_ms is not None and now_ms - series.checked_ms < max_age_ms:
        # The newest bars were read a moment ago: asking again would bring the same answer.
        known.append(Span(known[-1].end_ms, timeframe.next(now_ms)))
    return subtract_spans(Span(timeframe.floor(start_ms), end_ms), known) if start_ms < end_ms else []


def _answer(
    query: HistoryQuery, venue: _Venue, series: Series, bars: tuple[Bar, ...], *, failed: bool
) -> History:
    whole = query_span(query, venue.now_ms)
    timeframe = query.timeframe
    # The interval that is still running holds no bar until its first trade; that is no gap.
    past = Span(whole.start_ms, min(whole.end_ms, timeframe.floor(venue.now_ms)))
    asked_end_ms = timeframe.next(venue.now_ms) if query.end_ms is None else query.end_ms
    more = whole.end_ms < min(asked_end_ms, timeframe.next(venue.now_ms))
    checked_ms = series.checked_ms if series.checked_ms is not None else venue.now_ms
    return History(
        query=query,
        spec=venue.spec,
        bars=bars,
        gaps=find_gaps(past, bars, timeframe, venue.knowledge(series, failed=failed)),
        as_of_ms=checked_ms if failed or _holds_forming(bars) else venue.now_ms,
        stale=failed,
        next_ms=whole.end_ms if more else None,
    )


def _holds_forming(bars: tuple[Bar, ...]) -> bool:
    return bool(bars) and not bars[-1].final
