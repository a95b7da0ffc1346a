"""What history is asked and what it answers; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from plugins.base import MarketPlugin, VenueProfile
from services.bar_checks import CLOSE_GRACE_MS
from services.gaps import Knowledge
from services.spans import subtract_spans
from services.stores.history import BarText
from services.stores.series import Series
from utils.domain import Bar, BarState, Gap, Instrument, InstrumentSpec, Span, Timeframe

LIMIT_MAX = 5_000
LIMIT_DEFAULT = 500
# How old the newest bars may be before the exchange is asked again.
FORMING_MAX_AGE_MS = 10_000
# How many closed bars are read again with the newest ones, to notice corrections.
CORRECTED_BARS = 2


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

    def span(self, now_ms: int) -> Span:
        """Return the span of one answer: at most ``limit`` timeframes, never beyond the forming bar."""
        head_ms = self.timeframe.next(now_ms)
        end_ms = head_ms if self.end_ms is None else min(self.timeframe.ceil(self.end_ms), head_ms)
        if self.start_ms is None:
            # Times begin with 1970, here as in requests: five thousand years reach beyond the calendar.
            start_ms = max(self.timeframe.shift(end_ms, -self.limit), self.timeframe.ceil(0))
        else:
            start_ms = self.timeframe.ceil(self.start_ms)
            end_ms = min(end_ms, self.timeframe.shift(start_ms, self.limit))
        return Span(start_ms, max(start_ms, end_ms))

    def next_ms(self, now_ms: int) -> int | None:
        """Return where the next query begins, None when this one reaches its end or the present."""
        head_ms = self.timeframe.next(now_ms)
        asked_end_ms = head_ms if self.end_ms is None else min(self.end_ms, head_ms)
        end_ms = self.span(now_ms).end_ms
        return end_ms if end_ms < asked_end_ms else None


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """What every answer says of itself, whatever its bars look like.

    ``next_ms`` is the start of the next query when the range holds more than the limit. ``settled`` tells
    that every bar there can be is final and known.
    """

    query: HistoryQuery
    spec: InstrumentSpec
    gaps: tuple[Gap, ...]
    as_of_ms: int
    stale: bool
    next_ms: int | None
    settled: bool


@dataclass(frozen=True, slots=True)
class History(HistoryFacts):
    """Answer with bars, oldest first."""

    bars: tuple[Bar, ...]

    @property
    def last_bar_state(self) -> BarState | None:
        """Return the state of the newest bar, None without bars."""
        return self.bars[-1].state if self.bars else None

    @property
    def revision(self) -> int:
        """Return the highest revision among the bars; 0 when none was corrected."""
        return max((bar.revision for bar in self.bars), default=0)


@dataclass(frozen=True, slots=True)
class HistoryText(HistoryFacts):
    """Answer with bars as JSON text, made by the database."""

    text: BarText

    @property
    def last_bar_state(self) -> BarState | None:
        """Return the state of the newest bar, None without bars."""
        return self.text.last_state

    @property
    def revision(self) -> int:
        """Return the highest revision among the bars."""
        return self.text.revision


@dataclass(frozen=True, slots=True)
class Venue:
    """Where an instrument is traded, and what time it is there.

    Of one that is ``gone`` the exchange tells nothing any more: what is stored is all there is. Where the
    facts are not ``certain``, something stands in for those of the exchange, which may soon tell them.
    """

    plugin: MarketPlugin
    profile: VenueProfile
    spec: InstrumentSpec
    now_ms: int
    gone: bool = False
    certain: bool = True

    def anchored(self, query: HistoryQuery) -> HistoryQuery:
        """Return the query; the newest bars of what was delisted are the last there were."""
        delisted_ms = self.spec.delisted_ms
        if query.start_ms is None and query.end_ms is None and (delisted_ms or self.now_ms) < self.now_ms:
            return replace(query, end_ms=delisted_ms)
        return query

    def knowledge(self, series: Series, *, failed: bool = False) -> Knowledge:
        """Return what is known of a series, for naming its holes."""
        reach_ms = self.profile.reach_ms(series.timeframe, self.now_ms)
        if self.gone:
            reach_ms = self.spec.delisted_ms
        return Knowledge(
            known=(*series.known, *series.quiet),
            listed_ms=self.spec.listed_ms if self.spec.listed_ms is not None else series.first_bar_ms,
            delisted_ms=self.spec.delisted_ms,
            reach_ms=reach_ms,
            failed=failed,
        )


def missing_spans(whole: Span, series: Series, knowledge: Knowledge, now_ms: int) -> list[Span]:
    """Return what has to be asked of the exchange: what may exist, is not known, and is not fresh."""
    timeframe = series.timeframe
    start_ms = max(whole.start_ms, knowledge.listed_ms or 0, knowledge.reach_ms or 0)
    end_ms = min(whole.end_ms, knowledge.delisted_ms or whole.end_ms)
    if start_ms >= end_ms:
        return []
    asked = Span(timeframe.floor(start_ms), end_ms)
    known = [*knowledge.known, *_fresh_spans(asked, series, knowledge.known, now_ms)]
    missing = subtract_spans(asked, known)
    if not missing or missing[-1].end_ms <= timeframe.floor(now_ms):
        return missing
    last = missing[-1]
    if last.start_ms in {span.end_ms for span in known}:
        # Exchanges correct their newest bars: going on from there, the last ones are read once more.
        overlap_ms = timeframe.shift(last.start_ms, -CORRECTED_BARS)
        missing[-1] = Span(max(overlap_ms, knowledge.listed_ms or 0), last.end_ms)
    else:
        # A bar that has only just ended may still move, and belongs to the newest ones.
        ended_ms = max(timeframe.floor(now_ms - CLOSE_GRACE_MS), timeframe.floor(knowledge.listed_ms or 0))
        missing[-1] = Span(min(last.start_ms, ended_ms), last.end_ms)
    return missing


def _fresh_spans(asked: Span, series: Series, known: Sequence[Span], now_ms: int) -> list[Span]:
    """Return what was read a moment ago without becoming known: asking again would bring the same answer."""
    timeframe = series.timeframe
    max_age_ms = min(FORMING_MAX_AGE_MS, timeframe.approximate_ms)
    # Read a little later than this question began, by somebody else, is fresh as well; hours later is not.
    if series.checked_ms is None or abs(now_ms - series.checked_ms) >= max_age_ms:
        return []
    known_end_ms = max((span.end_ms for span in known), default=0)
    # A bar that had only just ended may not have proven closed, and then is not known.
    if known_end_ms < timeframe.floor(series.checked_ms - CLOSE_GRACE_MS):
        # Whoever asked for the newest bar alone has learned nothing of those before it.
        known_end_ms = timeframe.floor(series.checked_ms)
        if asked.start_ms < known_end_ms:
            return []
    return [Span(known_end_ms, timeframe.next(now_ms))]
