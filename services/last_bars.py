"""The last bars before an instant, so many of them, however wide the holes between them are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import asyncpg

from plugins.base import VenueProfile
from services.catalog import Catalog
from services.derivation import choose_base
from services.history_query import History, HistoryQuery
from services.patience import WAIT_MIN_S
from services.stores.older_bars import select_newest_open
from utils.domain import DAY, DAY_MS, Bar, Gap, GapReason, Instrument, Span, Timeframe
from utils.errors import UpstreamDown, UpstreamError, UpstreamTimeout

# What one question looks through; its bars are read in one piece.
SLOTS_MAX = 5_000
# Nobody looks for bars beyond a silence of eleven years: exchanges are asked about it a year at a time.
SILENCE_MS = 4_000 * DAY_MS
DAYS_MAX = 4_002
# All questions of one answer together; each has its own deadline beside.
TIMEOUT_S = 4.5
# For so much of that time, what is being fetched is waited for.
PATIENCE_SHARE = 0.8
# ``MarketService.bars``.
ReadBars = Callable[[HistoryQuery], Awaitable[History]]
UNKNOWN = (GapReason.UNFETCHED, GapReason.OUTAGE)


@dataclass(frozen=True, slots=True)
class BarWindow:
    """Ask for the last ``count`` bars that open before ``end_ms``, none of them before ``floor_ms``."""

    instrument: Instrument
    timeframe: Timeframe
    end_ms: int
    count: int
    floor_ms: int = 0


@dataclass(slots=True)
class _Gathered:
    window: BarWindow
    patient_until_s: float
    parts: list[History] = field(default_factory=list)
    count: int = 0

    def add(self, part: History) -> None:
        self.parts.insert(0, part)
        self.count += len(part.bars)

    @property
    def full(self) -> bool:
        return self.count >= self.window.count

    def whole(self, *, timed_out: bool) -> History:
        """Return the parts as one answer; bars from before a hole that nobody could look into stay out."""
        newest = self.parts[-1]
        bars = [bar for part in self.parts for bar in part.bars]
        gaps = tuple(gap for part in self.parts for gap in part.gaps)
        return replace(
            newest,
            bars=_believed(bars, gaps)[-self.window.count :],
            gaps=gaps,
            as_of_ms=min(part.as_of_ms for part in self.parts),
            stale=timed_out or any(part.stale for part in self.parts),
            settled=not timed_out and all(part.settled for part in self.parts),
            next_ms=None,
        )


class LastBars:
    """Look for bars backwards, over stretches without any, in as few questions as that takes."""

    def __init__(self, *, pool: asyncpg.Pool, catalog: Catalog, read_bars: ReadBars) -> None:
        self._pool = pool
        self._catalog = catalog
        self._read_bars = read_bars

    async def read(self, window: BarWindow, *, timeout_s: float = TIMEOUT_S) -> History:
        """Return the bars of a window, oldest first: ``count`` of them wherever there are as many.

        There are fewer where the exchange fails, or takes too long, on the way back: what is there then is
        stale, and reaches from the end of the window back to its first bar without an unknown hole.
        Raises: as ``MarketService.bars``; UpstreamTimeout where there was no time to find any bar.
        """
        timeframe, place = window.timeframe, window.instrument
        profile = await self._catalog.profile(place.market, place.exchange)
        now_ms = self._catalog.plugin(place.market).exchange_time_ms(place.exchange)
        end_ms = min(timeframe.ceil(window.end_ms), timeframe.next(now_ms))
        loop = asyncio.get_running_loop()
        gathered = _Gathered(window, loop.time() + PATIENCE_SHARE * timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._gather(gathered, profile, end_ms)
        except TimeoutError as error:
            if not gathered.count:
                raise UpstreamTimeout(
                    "Older prices could not be looked for in time. Try again in a moment.", retry_after_s=2
                ) from error
            return gathered.whole(timed_out=True)
        except UpstreamError:
            if not gathered.count:
                raise
            return gathered.whole(timed_out=True)
        return gathered.whole(timed_out=False)

    async def _gather(self, gathered: _Gathered, profile: VenueProfile, end_ms: int) -> None:
        window = gathered.window
        timeframe = window.timeframe
        floor_ms = timeframe.ceil(max(window.floor_ms, end_ms - SILENCE_MS, 0))
        # One more than asked for: nobody may have traded yet in the interval that runs.
        slots = min(window.count + 1, SLOTS_MAX)
        while True:
            start_ms = max(timeframe.shift(end_ms, -slots), floor_ms)
            query = HistoryQuery(window.instrument, timeframe, start_ms, max(end_ms, start_ms), limit=slots)
            part = await self._read_patiently(query, gathered.patient_until_s)
            gathered.add(part)
            if part.bars:
                reach_ms = part.bars[0].open_time_ms - SILENCE_MS
                floor_ms = timeframe.ceil(max(window.floor_ms, reach_ms, 0))
            if gathered.full or start_ms <= floor_ms or _ends_here(part, start_ms):
                return
            older_ms = await self._older(gathered, profile, Span(floor_ms, start_ms), part)
            if older_ms is None or older_ms <= floor_ms:
                return
            end_ms = older_ms
            slots = min(2 * slots, SLOTS_MAX)

    async def _read_patiently(self, query: HistoryQuery, until_s: float) -> History:
        """Return bars without a torn hole, where that is only a matter of waiting."""
        loop = asyncio.get_running_loop()
        while True:
            asked_s = loop.time()
            part = await self._read_bars(query)
            # Stored bars do not wait for long, and the fetching goes on behind them: a chart, which is not
            # told that there is more, had better wait. What failed at once would only fail again.
            now_s = loop.time()
            torn = part.stale and _unknown_ends_ms(part.bars, part.gaps)
            if not torn or now_s - asked_s < WAIT_MIN_S or now_s >= until_s:
                return part

    async def _older(
        self, gathered: _Gathered, profile: VenueProfile, rest: Span, part: History
    ) -> int | None:
        """Return before which instant of the rest to go on, None where there is nothing older."""
        window, start_ms = gathered.window, rest.end_ms
        if _first_reason(part, start_ms) is GapReason.RETENTION:
            # The exchange no longer tells: only what was stored in time is there.
            open_ms = await select_newest_open(
                self._pool, window.instrument, window.timeframe, before_ms=start_ms
            )
            return None if open_ms is None else window.timeframe.next(open_ms)
        index = _index_of(window.timeframe, profile)
        if part.bars or index is None:
            return start_ms
        # Nothing in all this time: days tell where the next older bars are.
        first_ms, end_ms = index.floor(rest.start_ms), index.ceil(start_ms)
        query = HistoryQuery(window.instrument, index, first_ms, end_ms, limit=DAYS_MAX)
        days = await self._read_patiently(query, gathered.patient_until_s)
        if days.stale:
            raise UpstreamDown(
                f"{window.instrument.exchange} cannot be asked for older prices now. Try again in a moment.",
                retry_after_s=5,
            )
        if not days.bars:
            return None
        return min(start_ms, index.next(days.bars[-1].open_time_ms))


def _index_of(timeframe: Timeframe, profile: VenueProfile) -> Timeframe | None:
    if not timeframe.divides(DAY):
        return None
    return DAY if DAY in profile.timeframes or choose_base(DAY, profile.timeframes) else None


def _ends_here(part: History, start_ms: int) -> bool:
    return part.stale or _first_reason(part, start_ms) is GapReason.BEFORE_LISTING


def _first_reason(part: History, start_ms: int) -> GapReason | None:
    """Return why there is no bar right at the start, None where there is one."""
    first = part.gaps[0] if part.gaps else None
    return first.reason if first is not None and first.span.start_ms <= start_ms else None


def _believed(bars: Sequence[Bar], gaps: Sequence[Gap]) -> tuple[Bar, ...]:
    after_ms = max(_unknown_ends_ms(bars, gaps), default=0)
    return tuple(bar for bar in bars if bar.open_time_ms >= after_ms)


def _unknown_ends_ms(bars: Sequence[Bar], gaps: Sequence[Gap]) -> list[int]:
    """Return where the holes end that nobody could look into, of those before the newest bar."""
    if not bars:
        return []
    newest_ms = bars[-1].open_time_ms
    return [gap.span.end_ms for gap in gaps if gap.reason in UNKNOWN and gap.span.end_ms <= newest_ms]
