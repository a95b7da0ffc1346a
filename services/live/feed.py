"""One topic's feed: from the exchange's live data to stored and logged bars."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from plugins.base import LiveMode
from services.bar_checks import CLOSE_GRACE_MS
from services.live.feed_parts import FeedParts
from services.live.hole import find_hole
from services.live.newest_bar import NewestBar
from services.live.owed_closes import OwedCloses
from services.live.streamed_bars import StreamedBars
from services.live.update_checks import check_update
from utils.domain import Bar, Span, Trade
from utils.errors import UpstreamError

# Silence longer than this is looked into: the stream is opened anew and the bars are read by REST.
SILENCE_MS = 60_000
POLL_MIN_S, POLL_MAX_S = 2.0, 30.0
UPDATES_WAITING_MAX = 1_000
WAIT_MIN_S, WAIT_MAX_S = 0.02, 5.0
CATCH_UP_ROUNDS = 3
# How often the log is held to the store: whoever reads history, imports or repairs may store a correction.
COMPARE_EVERY_S = 60.0

log = logging.getLogger(__name__)

Update = tuple[Bar, ...] | tuple[Trade, ...] | tuple[()]


class FeedSilent(Exception):
    """Say that the stream sent nothing for too long."""


class Feed:
    """Run one session of one topic: fill the hole since the last bar, then follow the exchange.

    ``run`` ends only by an error; whoever runs it decides about trying again. A session that began in the
    middle of a bar does not vouch for that bar: it is read from the exchange after its close.
    """

    def __init__(self, parts: FeedParts) -> None:
        self._parts = parts
        self.fed_until_ms = parts.fed_until_ms
        # When the exchange was heard last, by the steady clock; None before its first word.
        self.heard_s: float | None = None
        self._timeframe = parts.topic.timeframe
        self._streamed = StreamedBars(self._timeframe)
        self._newest = NewestBar(parts.projector, parts.pace, parts.clock)
        self._newest_trade_ms = 0
        self._begins = True
        self._compared_s = parts.clock.steady_s()
        self._owed = OwedCloses(parts.topic.text, self._timeframe, self._reread, parts.projector.has_final)

    async def run(self, caught_up: Callable[[], Awaitable[None]]) -> None:
        """Follow the exchange; ``caught_up`` is called once the hole since the last bar is filled.

        Raises: an UpstreamError, FeedSilent, or what the store and the log raise.
        """
        await self._parts.projector.recall()
        if self._parts.profile.live_mode is LiveMode.POLL:
            await self._catch_up()
            await caught_up()
            await self._poll()
            return
        updates: asyncio.Queue[Update] = asyncio.Queue(UPDATES_WAITING_MAX)
        async with asyncio.TaskGroup() as group:
            # The stream first, then the state: what happens in between waits in the queue.
            group.create_task(self._pump(updates))
            await self._catch_up()
            await caught_up()
            await self._follow(updates)

    async def _pump(self, updates: "asyncio.Queue[Update]") -> None:
        async with contextlib.aclosing(self._stream()) as stream:
            async for update in stream:
                await updates.put(update)

    def _stream(self) -> AsyncGenerator[Update, None]:
        plugin, topic = self._parts.plugin, self._parts.topic
        if self._parts.profile.live_mode is LiveMode.BARS:
            return plugin.watch_bars(topic.instrument, topic.timeframe)
        return plugin.watch_trades(topic.instrument)

    async def _catch_up(self) -> None:
        """Read by REST what closed since the newest logged bar, store it and log it."""
        polling = self._parts.profile.live_mode is LiveMode.POLL
        for _ in range(CATCH_UP_ROUNDS):
            span = await self._hole()
            if span.end_ms <= span.start_ms:
                return
            await self._fill(span)
            self._begins = False
            read_ms, forming = await self._parts.projector.write_stored_at(span, forming=polling)
            for bar in forming:
                # Still forming when it was read: if no trade follows, nobody else would close it.
                self._owed.owe_unless_owed(bar.open_time_ms, self._due_ms(bar.open_time_ms))
                self._streamed.begin(bar, read_ms)
                self._newest.begin(bar)
            if not forming:
                self._streamed.begin_empty(read_ms)
            # Reading took its time, or showed that the exchange's clock is ahead of what we thought.
            if self._timeframe.next(self._now_ms()) <= span.end_ms:
                break
        self.fed_until_ms = self._now_ms()

    async def _hole(self) -> Span:
        projector = self._parts.projector
        hole = find_hole(
            self._timeframe,
            self._now_ms(),
            newest_final_ms=projector.newest_final_ms,
            oldest_logged_ms=projector.oldest_logged_ms,
            fed_until_ms=self.fed_until_ms,
            begins=self._begins,
        )
        if not hole.whole:
            await projector.begin_anew()
        return hole.span

    async def _fill(self, span: Span) -> None:
        parts = self._parts
        await parts.filler.fill(parts.plugin, parts.profile, parts.series, [span])

    async def _follow(self, updates: "asyncio.Queue[Update]") -> None:
        heard_ms = self._now_ms()
        while True:
            try:
                async with asyncio.timeout(self._wait_s(heard_ms)):
                    update = await updates.get()
            except TimeoutError:
                update = ()
            believed = self._believed(update)
            if believed:
                heard_ms = self.fed_until_ms = self._now_ms()
                self.heard_s = self._parts.clock.steady_s()
                await self._on_update(believed)
            elif self._now_ms() - heard_ms >= SILENCE_MS:
                raise FeedSilent
            await self._newest.log_if_due()
            await self._owe_quiet_close()
            await self._owed.pay(self._now_ms())
            await self._compare()

    def _believed(self, update: Update) -> Sequence[Bar | Trade]:
        checked = check_update(update, self._timeframe, self._now_ms())
        if checked.faults:
            count = len(checked.faults)
            facts = {"topic": self._parts.topic.text, "fault": checked.faults[0], "count": count}
            log.warning("bad live updates refused", extra=facts)
        for open_ms in checked.doubtful_ms:
            # What could not be read happened: only the exchange itself knows this bar now.
            self._owed.owe_unless_owed(open_ms, self._due_ms(open_ms))
        return checked.believed

    async def _on_update(self, update: Sequence[Bar | Trade]) -> None:
        bars = [item for item in update if isinstance(item, Bar)]
        trades = [item for item in update if isinstance(item, Trade)]
        self._newest_trade_ms = max([self._newest_trade_ms, *(trade.time_ms for trade in trades)])
        for open_ms in self._streamed.add(trades):
            bar = self._streamed.bar(open_ms)
            if bar is not None:
                bars.append(bar)
            else:
                # Too little of it was seen; the exchange itself tells how it ended.
                self._owed.owe_unless_owed(open_ms, self._due_ms(open_ms))
        for bar in sorted(bars, key=lambda each: each.open_time_ms):
            await self._on_bar(bar)

    async def _on_bar(self, bar: Bar) -> None:
        before = self._newest.follow(bar)
        if before is not None:
            await self._close(before)
        if bar.final or bar is not self._newest.bar:
            # Closed by the exchange's own word, or late: it belongs to a bar that has a successor.
            await self._close(bar)

    async def _close(self, bar: Bar) -> None:
        """Write a bar that has a successor; one not seen whole waits for the exchange's own answer."""
        # What is folded from every trade of an interval is that interval's bar. A snapshot of the exchange's
        # own bar is not: its last update may be late or lost, and only the exchange knows how the bar ended.
        whole = self._streamed.whole(bar.open_time_ms)
        if bar.final or whole:
            if self._owed.owes_before(bar.open_time_ms):
                # Closes are told in order, wherever the exchange answers at once.
                await self._owed.pay(self._now_ms())
            await self._parts.projector.write_final(bar, known=True)
        if not bar.final:
            # The exchange's own answer has the last word, also on bars that were seen whole.
            due_ms = self._due_ms(bar.open_time_ms) if whole else self._now_ms()
            self._owed.owe(bar.open_time_ms, due_ms)

    def _wait_s(self, heard_ms: int) -> float:
        due = [heard_ms + SILENCE_MS, *self._owed.due_ms]
        newest = self._newest.bar
        if newest is not None and self._newest.lacks_close:
            due.append(self._due_ms(newest.open_time_ms))
            if self._newest.log_due_in_ms is not None:
                due.append(self._now_ms() + self._newest.log_due_in_ms)
        return min(max(WAIT_MIN_S, (min(due) - self._now_ms()) / 1_000), WAIT_MAX_S)

    async def _owe_quiet_close(self) -> None:
        newest = self._newest.bar
        if newest is None or newest.final or newest.open_time_ms in self._owed:
            return
        due_ms = self._due_ms(newest.open_time_ms)
        if self._now_ms() >= due_ms and self._newest.lacks_close:
            # Nobody traded after the close, so no successor proves it: ask the exchange.
            self._owed.owe(newest.open_time_ms, due_ms)

    async def _reread(self, asked: Span) -> bool:
        """Ask the exchange for bars, store and log its answer; return whether it answered."""
        # With the bar before: what was booked late there is known by now, and costs no question of its own.
        before_ms = self._timeframe.shift(asked.start_ms, -1)
        oldest_ms = self._parts.projector.oldest_logged_ms
        start_ms = before_ms if oldest_ms is not None and before_ms >= oldest_ms else asked.start_ms
        span = Span(start_ms, asked.end_ms)
        try:
            await self._fill(span)
        except UpstreamError:
            return False
        await self._parts.projector.write_stored(span)
        return True

    async def _compare(self) -> None:
        """Log, now and then, what others have stored of the bars that the log vouches for."""
        now_s = self._parts.clock.steady_s()
        if now_s - self._compared_s >= COMPARE_EVERY_S:
            self._compared_s = now_s
            await self._parts.projector.write_all_stored()

    async def _poll(self) -> None:
        interval_s = min(POLL_MAX_S, max(POLL_MIN_S, self._timeframe.approximate_ms / 20_000))
        while True:
            # The next poll reads whatever still forms.
            self._owed.forgive()
            self.heard_s = self._parts.clock.steady_s()
            await self._parts.clock.sleep_s(interval_s)
            await self._catch_up()
            await self._compare()

    def _due_ms(self, open_ms: int) -> int:
        return self._timeframe.next(open_ms) + CLOSE_GRACE_MS

    def _now_ms(self) -> int:
        # The exchange's clock cannot be behind its own newest trade.
        clock_ms = self._parts.plugin.exchange_time_ms(self._parts.topic.instrument.exchange)
        return max(clock_ms, self._newest_trade_ms)
