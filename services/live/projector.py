"""Make the log of a topic say what the store says: every final bar once, every correction once."""

import asyncpg
from redis.exceptions import RedisError

from services.bar_writer import Announce, announce_nothing, topics_touched, write_bars
from services.live.broadcaster import BroadcastCounters
from services.live.log import FINALS_KEPT, LeaseLost, LiveLog, Position, order_of
from services.live.logged_finals import LoggedFinals
from services.stores.bars import select_bars
from services.stores.series import Series, select_series
from utils import figures
from utils.domain import Bar, Span, Topic

# Corrections reach back this many bars; older ones are history's alone.
BARS_REMEMBERED = FINALS_KEPT
# Which versions of the bars that still move were said already.
FORMING_RECALLED = 64


class Projector:
    """Write one topic's bars: final ones into the store first, then, as stored, into the log.

    The store is the truth. What it refuses (a forming bar over a closed one, a worse source) never reaches
    the log, and what it changes is logged with the revision it got there.
    """

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        log: LiveLog,
        topic: Topic,
        series: Series,
        token: str,
        announce: Announce = announce_nothing,
        counters: BroadcastCounters,
    ) -> None:
        self._pool = pool
        self._announce = announce
        self._log = log
        self._topic = topic
        self._series = series
        self._token = token
        self._counters = counters
        self._finals = LoggedFinals(BARS_REMEMBERED)
        self._moving: dict[int, Bar] = {}

    async def recall(self) -> None:
        """Learn from the log what an earlier holder of the topic has already written."""
        for entry in await self._log.read_newest(self._topic, FORMING_RECALLED):
            if isinstance(entry.event, Bar):
                self._remember(entry.event)
        # Final bars last: what had closed is final, whatever the log says of it besides.
        for bar in await self._log.read_finals(self._topic):
            self._remember(bar)

    async def begin_anew(self) -> None:
        """Begin a new life of the log: between its newest bar and now lies more than can be told."""
        await self._log.begin_anew(self._topic, token=self._token)
        self._finals.clear()
        self._moving.clear()

    @property
    def newest_final_ms(self) -> int | None:
        """Return the open of the newest final bar in the log, None when it holds none."""
        return self._finals.newest_ms

    @property
    def oldest_logged_ms(self) -> int | None:
        """Return the open of the oldest bar that is remembered of the log, None when it holds none."""
        opens_ms = self._moving.keys() | {self._finals.oldest_ms}
        return min((open_ms for open_ms in opens_ms if open_ms is not None), default=None)

    async def write_forming(self, bar: Bar) -> None:
        """Log a bar that still moves, unless it has closed already."""
        if self.has_final(bar.open_time_ms):
            return
        known = self._moving.get(bar.open_time_ms)
        if known is None or known.values != bar.values:
            await self._write(bar)

    async def write_final(self, bar: Bar, *, known: bool) -> None:
        """Store and log a bar that has closed; ``known`` when the feed saw its whole interval."""
        span = Span(bar.open_time_ms, self._series.timeframe.next(bar.open_time_ms))
        async with self._pool.acquire(timeout=2) as connection, connection.transaction():
            changed = await write_bars(
                connection, self._series, [bar.closed()], known=[span] if known else []
            )
            touched = await topics_touched(connection, self._series, changed)
        await self._announce(touched)
        await self.write_stored(span)

    def has_final(self, open_ms: int) -> bool:
        """Tell whether the log says that the bar has closed."""
        return open_ms in self._finals

    async def write_stored(self, span: Span, *, forming: bool = False) -> tuple[Bar, ...]:
        """Log what the store holds for the span and the log does not say yet; on request the forming bar.

        Returns the bars that have not closed.
        """
        bars = await select_bars(
            self._pool, self._series, start_ms=span.start_ms, end_ms=span.end_ms, limit=BARS_REMEMBERED
        )
        for bar in bars:
            if bar.final and not self._finals.says(bar):
                await self._write(bar)
            elif forming and not bar.final:
                await self.write_forming(bar)
        return tuple(bar for bar in bars if not bar.final)

    async def write_all_stored(self) -> None:
        """Do what ``write_stored`` does for every bar whose close the log holds."""
        oldest_ms, newest_ms = self.oldest_logged_ms, self.newest_final_ms
        if oldest_ms is not None and newest_ms is not None:
            await self.write_stored(Span(oldest_ms, self._series.timeframe.next(newest_ms)))

    async def write_stored_at(self, span: Span, *, forming: bool) -> tuple[int, tuple[Bar, ...]]:
        """Do what ``write_stored`` does, and tell the exchange's clock when its newest bars were read."""
        read_ms = await self._read_ms()
        while True:
            bars = await self.write_stored(span, forming=forming)
            before_ms, read_ms = read_ms, await self._read_ms()
            if read_ms == before_ms:
                # Nobody stored a newer answer in between: the bars and the time belong together.
                return read_ms, bars

    async def _read_ms(self) -> int:
        series = await select_series(self._pool, self._topic.instrument, self._topic.timeframe)
        assert series is not None
        return series.checked_ms or 0

    async def _write(self, bar: Bar) -> Position:
        try:
            position = await self._log.append(self._topic, bar, token=self._token)
        except (LeaseLost, RedisError, OSError):
            self._counters.failed += 1
            raise
        self._counters.sent += 1
        self._note_delay(bar, position)
        self._remember(bar)
        return position

    def _note_delay(self, bar: Bar, position: Position) -> None:
        if bar.final and bar.open_time_ms in self._moving:
            # Followed while it formed: what is caught up with has closed long ago.
            closed_ms = self._series.timeframe.next(bar.open_time_ms)
            delay_s = (order_of(position.offset)[0] - closed_ms) / 1_000
            figures.CLOSE_DELAY.note(max(delay_s, 0.0), self._topic.instrument.exchange)

    def _remember(self, bar: Bar) -> None:
        if not bar.final:
            self._moving[bar.open_time_ms] = bar
            if len(self._moving) > FORMING_RECALLED:
                del self._moving[min(self._moving)]
            return
        self._moving.pop(bar.open_time_ms, None)
        self._finals.note(bar)
        oldest_ms = self._finals.oldest_ms
        if self._finals.is_full and oldest_ms is not None:
            # What never closed goes with the bars of its time.
            self._moving = {ms: moving for ms, moving in self._moving.items() if ms >= oldest_ms}
