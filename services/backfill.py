"""Fetch a long stretch of history page by page, going on where an earlier run ended.

What is known is kept in the database together with the bars, so a run that was killed has lost nothing.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from services.catalog import Catalog, check_timeframe
from services.derivation import choose_base
from services.history_filler import HistoryFiller
from services.history_query import Venue, missing_spans
from services.spans import subtract_spans
from services.stores.series import Series, upsert_series
from utils.clock import Clock
from utils.domain import Instrument, Span, Timeframe
from utils.errors import UpstreamError

# How long a run waits for an exchange that fails, since it last answered, before it gives up.
PATIENCE_S = 300.0
ATTEMPTS_MAX = 6
RETRY_FIRST_S = 2.0


@dataclass(frozen=True, slots=True)
class BackfillOrder:
    """Ask for every bar that opens in ``[start_ms, end_ms)`` and has closed; without an end, up to now."""

    instrument: Instrument
    timeframe: Timeframe
    start_ms: int
    end_ms: int | None = None

    @classmethod
    def parse(cls, text: str) -> "BackfillOrder":
        """Read ``crypto:bitstamp:BTC/USD:1h:2018-01-01``; the symbol may hold colons.

        Raises: ValueError when the text has another form.
        """
        market, exchange, rest = text.split(":", 2)
        symbol, timeframe, day = rest.rsplit(":", 2)
        midnight = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        return cls(
            Instrument(market, exchange, symbol),
            Timeframe.parse(timeframe),
            int(midnight.timestamp()) * 1_000,
        )

    @property
    def text(self) -> str:
        """Return the instrument and the timeframe, as logs name them."""
        return f"{self.instrument.text}:{self.timeframe.text}"


@dataclass(frozen=True, slots=True)
class Progress:
    """Say how far a run has come.

    ``timeframe`` is the one that is fetched, a finer one where the exchange lacks the one asked for.
    ``missing_ms`` of ``span`` is still to be fetched, from ``reached_ms`` on; of ``silent_ms`` the exchange
    has no bars to tell. ``bars`` were new or changed in this run.
    """

    span: Span
    timeframe: Timeframe
    missing_ms: int
    reached_ms: int
    silent_ms: int
    bars: int

    @property
    def done(self) -> float:
        """Return the part of the span about which nothing is missing any more, from 0 to 1."""
        whole_ms = self.span.end_ms - self.span.start_ms
        return 1.0 if whole_ms <= 0 else 1.0 - self.missing_ms / whole_ms


@dataclass(frozen=True, slots=True)
class Waiting:
    """Say why the exchange did not answer, and after how long it is asked again."""

    complaint: str
    wait_s: float


class Backfill:
    """Fill stretches of history, slowly and for certain."""

    def __init__(self, *, pool: asyncpg.Pool, catalog: Catalog, filler: HistoryFiller, clock: Clock) -> None:
        self._pool = pool
        self._catalog = catalog
        self._filler = filler
        self._clock = clock

    async def run(self, order: BackfillOrder) -> AsyncGenerator[Progress | Waiting, None]:
        """Fill what is missing of the order, yielding before the first page, after each, and before a wait.

        The caller may pause between two yields, or stop there; what was stored stays. One last progress has
        nothing missing: what the exchange said nothing about counts as done.
        Raises: NotFound and InvalidRequest that say what was probably meant; an UpstreamError when the
        exchange failed for longer than this waits for it.
        """
        work = _Work(order)
        patience = _Patience()
        while True:
            try:
                progress = await self._step(work)
            except UpstreamError as error:
                wait_s = patience.wait_s(error)
                yield Waiting(error.detail, wait_s)
                await self._clock.sleep_s(wait_s)
                continue
            patience = _Patience()
            yield progress
            if not progress.missing_ms:
                return

    async def reach_ms(self, instrument: Instrument, timeframe: Timeframe) -> int | None:
        """Return from when on an exchange still tells bars, None where it tells all. Raises: NotFound."""
        profile = await self._catalog.profile(instrument.market, instrument.exchange)
        now_ms = self._catalog.plugin(instrument.market).exchange_time_ms(instrument.exchange)
        return profile.reach_ms(timeframe, now_ms)

    async def _step(self, work: "_Work") -> Progress:
        if work.venue is None:
            # Known once the exchange has answered: its clock says where history ends.
            work.venue, work.timeframe = await self._find(work.order)
            work.span = _whole(work.order, work.timeframe, work.venue.now_ms)
        elif work.next_piece is not None:
            await self._fill(work, work.venue, work.next_piece)
        series = await upsert_series(self._pool, work.order.instrument, work.timeframe)
        return work.look(series)

    async def _find(self, order: BackfillOrder) -> tuple[Venue, Timeframe]:
        market, exchange = order.instrument.market, order.instrument.exchange
        plugin = self._catalog.plugin(market)
        profile = await self._catalog.profile(market, exchange)
        timeframe = order.timeframe
        if timeframe not in profile.timeframes:
            base = choose_base(timeframe, profile.timeframes)
            if base is None:
                check_timeframe(timeframe, profile.timeframes, exchange)
            timeframe = base or timeframe
        spec = await self._catalog.find(order.instrument)
        return Venue(plugin, profile, spec, plugin.exchange_time_ms(exchange)), timeframe

    async def _fill(self, work: "_Work", venue: Venue, piece: Span) -> None:
        series = await upsert_series(self._pool, work.order.instrument, work.timeframe)
        changed = await self._filler.fill(venue.plugin, venue.profile, series, [piece])
        work.bars += len(changed)
        work.asked.append(piece)


@dataclass(slots=True)
class _Work:
    order: BackfillOrder
    venue: Venue | None = None
    timeframe: Timeframe = field(init=False)
    span: Span = field(init=False)
    bars: int = 0
    # Asked for in this run: what of it is still not known the exchange did not tell, and will not now.
    asked: list[Span] = field(default_factory=list)
    next_piece: Span | None = None
    # What lies behind a piece of which the exchange told nothing, until it was asked for the end of it.
    doubted: Span | None = None

    def __post_init__(self) -> None:
        self.timeframe = self.order.timeframe

    def look(self, series: Series) -> Progress:
        assert self.venue is not None
        self._note_silence(series)
        missing = missing_spans(self.span, series, self.venue.knowledge(series), self.venue.now_ms)
        missing = [part for span in missing for part in subtract_spans(span, self.asked)]
        self.next_piece = self._piece_of(missing, self.venue.profile.page_bars)
        missing_ms = _length_ms(missing)
        return Progress(
            span=self.span,
            timeframe=self.timeframe,
            missing_ms=missing_ms,
            reached_ms=missing[0].start_ms if missing else self.span.end_ms,
            silent_ms=_length_ms(subtract_spans(self.span, series.known)) - missing_ms,
            bars=self.bars,
        )

    def _piece_of(self, missing: Sequence[Span], page_bars: int) -> Span | None:
        if not missing:
            return None
        if self.doubted is not None:
            last_page_ms = self.timeframe.shift(self.doubted.end_ms, -page_bars)
            return Span(max(self.doubted.start_ms, last_page_ms), self.doubted.end_ms)
        first = missing[0]
        page_end_ms = self.timeframe.shift(first.start_ms, page_bars)
        return Span(first.start_ms, min(first.end_ms, page_end_ms))

    def _note_silence(self, series: Series) -> None:
        # An exchange tells the first bars at or after an instant: none there means none anywhere. But any of
        # them may answer with nothing once, and years would be passed over. Two silences are believed.
        if not self.asked:
            return
        end_ms = self.asked[-1].end_ms
        silent = any(span.start_ms < end_ms <= span.end_ms for span in series.quiet)
        rest = self.doubted or Span(end_ms, max(end_ms, self.span.end_ms))
        if not silent or any(span.end_ms > rest.start_ms for span in series.known):
            self.doubted = None
        elif self.doubted is not None:
            self.asked.append(rest)
            self.doubted = None
        elif rest.end_ms > rest.start_ms:
            self.doubted = rest


@dataclass(slots=True)
class _Patience:
    attempts: int = 0
    waited_s: float = 0.0

    def wait_s(self, error: UpstreamError) -> float:
        """Return how long to wait before the next attempt. Raises: the error, when that is too long."""
        wait_s = max(error.retry_after_s or 0.0, RETRY_FIRST_S * 2.0**self.attempts)
        self.attempts += 1
        if self.attempts >= ATTEMPTS_MAX or self.waited_s + wait_s > PATIENCE_S:
            raise error
        self.waited_s += wait_s
        return wait_s


def _length_ms(spans: Iterable[Span]) -> int:
    return sum(span.end_ms - span.start_ms for span in spans)


def _whole(order: BackfillOrder, timeframe: Timeframe, now_ms: int) -> Span:
    # From the open of the coarser bar that was asked for, where a finer one is fetched in its place.
    start_ms = timeframe.floor(order.timeframe.ceil(order.start_ms))
    end_ms = timeframe.floor(now_ms)
    if order.end_ms is not None:
        end_ms = min(end_ms, timeframe.ceil(order.end_ms))
    return Span(start_ms, max(start_ms, end_ms))
