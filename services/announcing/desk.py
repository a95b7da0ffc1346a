"""The desk of one worker: each topic is read once for all who listen to its announcements here."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.announcing.absence import absence_by_past, absence_of, is_whole, left_ms
from services.announcing.alerts import event_ms
from services.announcing.announcement import Absence
from services.announcing.listening import Listening, Post
from services.announcing.news import News, Past
from services.announcing.preferences import Preferences
from services.announcing.steps_book import StepsBook
from services.announcing.tape import EXTREME_BARS, TopicTape
from services.live.hub import Hub, Listener
from services.live.log import FeedStatus, LiveLog, LogEntry, Position
from services.live.messages import Update
from utils.clock import Clock
from utils.domain import DAY_MS, Bar, Topic
from utils.tasks import end_tasks

# History that is read so that the highest of the day is known to be that.
WARM_BARS_MAX = 1_500
ABSENCE_BARS_MAX = 1_000

ReadPast = Callable[[Topic, int], Awaitable[Past]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What the desk stands on."""

    hub: Hub
    log: LiveLog
    clock: Clock
    steps: StepsBook
    read_past: ReadPast


@dataclass(slots=True)
class _Column:
    tape: TopicTape
    listener: Listener
    listenings: set[Listening] = field(default_factory=set)
    # Those who wait for it to be open; they hear nothing yet.
    coming: set[Listening] = field(default_factory=set)
    # Held by the one that joins for all; as long as a command to Redis may take.
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    # How often the log began anew, and the life of it in which history was asked for.
    life: int = 0
    learned: int = 0


class Desk:
    """Read topics for the listenings of this worker, and tell those who were away what they missed."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self._columns: dict[Topic, _Column] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop what is still being read."""
        await end_tasks(self._tasks)

    def open(self, preferences: Preferences, post: Post, accept_language: str | None) -> Listening:
        """Return a listening without topics. Raises: InvalidRequest for an unknown language or time zone."""
        return Listening(
            preferences,
            clock=self._parts.clock,
            post=post,
            steps_of=self._parts.steps.known,
            accept_language=accept_language,
        )

    async def begin(self, listening: Listening, topic: Topic) -> None:
        """Let a listening hear of a topic from now on, and speak of it once it is confirmed.

        Raises: RedisError, OSError while the log is away.
        """
        column = self._columns.get(topic)
        if column is None:
            column = self._columns[topic] = self._make_column(topic)
        column.coming.add(listening)
        try:
            await self._open(column, topic)
        except BaseException:
            self._part(listening, column, topic)
            raise
        if listening in column.coming:
            column.coming.discard(listening)
            column.listenings.add(listening)
            listening.begin(topic, column.tape.last, column.tape.loss)

    def end(self, listening: Listening, topic: Topic) -> None:
        """Let a listening hear of a topic no more; the last one ends its reading."""
        listening.end(topic)
        column = self._columns.get(topic)
        if column is not None:
            self._part(listening, column, topic)

    def tell_missed(
        self, listening: Listening, topic: Topic, since: Position, missed: Sequence[LogEntry] | None
    ) -> None:
        """Tell once what was missed, before anything new: by these entries, or else by bars."""
        absence = Absence(left_ms(since), self._parts.clock.now_ms())
        self._spawn(self._tell_missed(listening, topic, since, missed, absence))

    def tell_since(self, listening: Listening, topic: Topic, since_ms: int) -> None:
        """Tell once what the bars say of the time since then; nothing of one that is yet to come."""
        if since_ms <= self._parts.clock.now_ms():
            self._spawn(self._tell_by_bars(listening, topic, since_ms))

    def _make_column(self, topic: Topic) -> _Column:
        listener = Listener(
            topic,
            deliver=lambda updates: self._deliver(topic, updates),
            broken=lambda _: self._forget(topic),
            told=lambda status: self._tell(topic, status),
        )
        return _Column(TopicTape(topic), listener)

    async def _open(self, column: _Column, topic: Topic) -> None:
        async with column.opening:
            # Who came while another joined has waited for that, and joins where the other could not.
            if column.is_open:
                return
            await self._parts.hub.join(column.listener)
            status = self._parts.hub.status(topic)
            if status is not None:
                # Told before, to others who listen to the same topic.
                column.tape.observe(status, self._parts.clock.now_ms())
            column.is_open = True
        if self._columns.get(topic) is column:
            self._spawn(self._learn(column, topic))
        else:
            self._parts.hub.leave(column.listener)

    def _part(self, listening: Listening, column: _Column, topic: Topic) -> None:
        column.coming.discard(listening)
        column.listenings.discard(listening)
        if not (column.coming or column.listenings) and self._columns.get(topic) is column:
            del self._columns[topic]
            self._parts.hub.leave(column.listener)

    def _deliver(self, topic: Topic, updates: Sequence[Update]) -> None:
        for update in updates:
            self._hand_out(topic, update.entry.event, event_ms(update.entry))

    def _forget(self, topic: Topic) -> None:
        column = self._columns.get(topic)
        if column is not None:
            column.life += 1
            column.tape.forget()

    def _tell(self, topic: Topic, status: FeedStatus) -> None:
        self._hand_out(topic, status, self._parts.clock.now_ms())

    def _hand_out(self, topic: Topic, event: Bar | FeedStatus, time_ms: int) -> None:
        column = self._columns.get(topic)
        if column is None:
            return
        news: News = column.tape.observe(event, time_ms)
        if column.learned != column.life and isinstance(event, Bar):
            # By its first bar the hole before it is in the history, as far as it will be.
            column.learned = column.life
            self._spawn(self._learn(column, topic))
        if news.last is None and news.feed is None:
            return
        for listening in tuple(column.listenings):
            listening.hear(news)

    async def _learn(self, column: _Column, topic: Topic) -> None:
        """Find out the steps of an instrument and what its day was like before anybody listened."""
        await self._parts.steps.learn([topic])
        for listening in column.listenings:
            listening.learn_step(topic)
        now_ms, life = self._parts.clock.now_ms(), column.life
        since_midnight = (now_ms % DAY_MS) // topic.timeframe.approximate_ms
        past = await self._parts.read_past(topic, min(WARM_BARS_MAX, since_midnight + EXTREME_BARS + 2))
        if past.whole_from_ms is not None and column.life == life:
            column.tape.warm(past.bars, past.whole_from_ms)

    async def _tell_missed(
        self,
        listening: Listening,
        topic: Topic,
        since: Position,
        missed: Sequence[LogEntry] | None,
        absence: Absence,
    ) -> None:
        try:
            before = None if missed is None else await self._parts.log.read_at(topic, since)
            told = absence if missed is None else absence_of(missed, before, absence)
            if missed is None or not is_whole(missed, before, absence):
                by_bars = await absence_since(self._parts, topic, absence.from_ms)
                # What the log knows of the feed, no bar tells.
                told = replace(by_bars, lost_ms=told.lost_ms, quiet=told.quiet)
            listening.catch_up(topic, told)
        finally:
            listening.confirm(topic)

    async def _tell_by_bars(self, listening: Listening, topic: Topic, since_ms: int) -> None:
        listening.catch_up(topic, await absence_since(self._parts, topic, since_ms))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="announcing")
        self._tasks.add(task)
        task.add_done_callback(self._end_task)

    def _end_task(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("announcing interrupted", extra={"reason": repr(task.exception())})


async def absence_since(parts: DeskParts, topic: Topic, since_ms: int) -> Absence:
    """Return what the bars of history say of the time since then, as far back as is read at once."""
    absence = Absence(since_ms, max(since_ms, parts.clock.now_ms()))
    length = (absence.to_ms - since_ms) // topic.timeframe.approximate_ms + 2
    past = await parts.read_past(topic, min(ABSENCE_BARS_MAX, length))
    # Of what was before the first that was read, nothing is known.
    read_from_ms = past.bars[0].open_time_ms if past.bars and length > ABSENCE_BARS_MAX else 0
    return absence_by_past(topic, past, absence, read_from_ms=read_from_ms)
