"""The hub of one worker: one reader of the live logs, and who listens to which topic."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.live.log import EMPTY_OFFSET, FeedStatus, LiveLog, LogEntry, Position
from services.live.log_reader import ENTRIES_A_READ, read_many
from services.live.messages import Update
from services.live.status_watch import StatusWatch
from utils import figures
from utils.clock import Clock
from utils.domain import Bar, Topic
from utils.tasks import end_tasks, heed_cancellation, start_apart
from utils.turns import others_first

WAIT_MS = 2_000
RETRY_S = 0.5
WAKE_KEPT_MS = 60_000
# A read costs in proportion to the topics that it names, here and in Redis, whatever it brings: with many of
# them, news are gathered before the next one. With fewer than twenty there is nothing to gain.
REST_S_PER_TOPIC = 50e-6
REST_S_MIN, REST_S_MAX = 1e-3, 0.2
# When handing on has taken so long, everybody else goes first; for not much longer, as bars do not wait.
TURN_S = 0.001
TURN_OF_OTHERS_S = 0.004

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Listener:
    """Receive the bars of one topic as they are read, several at once; ``deliver`` must not wait.

    All of one delivery are of one life of the log. ``deliver`` may return whether the client has it already.
    ``broken`` is called when the log began a new life: what was missed cannot be known. ``told`` is called
    with every change of the topic's status.
    """

    topic: Topic
    deliver: Callable[[Sequence[Update]], bool | None]
    broken: Callable[[Position], None]
    told: Callable[[FeedStatus], None]


@dataclass(slots=True)
class _Channel:
    position: Position
    listeners: set[Listener] = field(default_factory=set)


class Hub:
    """Read the logs of every topic that has listeners here, and hand each entry to each listener."""

    def __init__(self, log_: LiveLog, redis: Redis, blocking: Redis, clock: Clock) -> None:
        self._log = log_
        self._redis = redis
        self._blocking = blocking
        self._channels: dict[Topic, _Channel] = {}
        self._clock = clock
        self._watch = StatusWatch(log_, clock, self._tell)
        self._wake_key = f"live:wake:{secrets.token_hex(8)}"
        self._wake_offset = EMPTY_OFFSET
        self._reader: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Stop reading."""
        if self._reader:
            await end_tasks([self._reader])
        await self._watch.close()

    async def join(self, listener: Listener, *, newest: bool = True) -> Position:
        """Deliver every entry after the returned position to the listener, until it leaves.

        The position is that of the log's newest entry; without ``newest`` it is where the hub is reading, if
        others listen to the topic: that costs no question to the log, and is a moment older at most. It is
        taken after the listener was registered: nothing can fall between the two.
        """
        channel = self._channels.get(listener.topic)
        known = channel is not None
        if channel is None:
            position = await self._log.position(listener.topic)
            # Another join may have made the channel while this one waited.
            channel = self._channels.setdefault(listener.topic, _Channel(position))
        channel.listeners.add(listener)
        try:
            if not known:
                await self._watch.begin(listener.topic)
            if not known or not self._is_reading:
                await self._wake()
            elif not newest and not self._watch.is_lost:
                return channel.position
            return await self._log.position(listener.topic)
        except BaseException:
            self.leave(listener)
            raise

    def leave(self, listener: Listener) -> None:
        """Stop delivering; the last listener of a topic ends its reading."""
        channel = self._channels.get(listener.topic)
        if channel is None:
            return
        channel.listeners.discard(listener)
        if not channel.listeners:
            del self._channels[listener.topic]
            self._watch.end(listener.topic)

    def status(self, topic: Topic) -> FeedStatus | None:
        """Return what was told of a topic last; None before the first word."""
        return self._watch.said(topic)

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Return the topics with listeners here."""
        return tuple(self._channels)

    @property
    def _is_reading(self) -> bool:
        return self._reader is not None and not self._reader.done()

    async def _wake(self) -> None:
        # A reader that waits does not know of a new topic; an entry in its own stream ends its wait.
        if not self._is_reading:
            self._reader = start_apart(self._read_for_ever(), name="live log reader")
            return
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xadd(self._wake_key, {"w": "1"}, maxlen=1)
            pipeline.pexpire(self._wake_key, WAKE_KEPT_MS)
            await heed_cancellation(pipeline.execute())

    async def _read_for_ever(self) -> None:
        while self._channels:
            try:
                await self._read_once()
                await self._rest()
            except (RedisError, OSError):
                self._watch.lose()
                log.warning("live log not readable; trying again")
                await asyncio.sleep(RETRY_S)
                await self._check_epochs()

    async def _read_once(self) -> None:
        positions = {topic: channel.position.offset for topic, channel in self._channels.items()}
        self._wake_offset, entries = await read_many(
            self._blocking, positions, self._wake_key, self._wake_offset, WAIT_MS
        )
        self._watch.regain()
        unread = 0
        for (topic, _), alike in groupby(entries, lambda entry: (entry.topic, entry.position.epoch)):
            batch = tuple(alike)
            unread += len(batch)
            if unread > ENTRIES_A_READ:
                # Whoever listens to many of them may empty a mailbox here, as between two reads.
                await others_first(TURN_OF_OTHERS_S)
                unread = len(batch)
            channel = self._channels.get(topic)
            if channel is not None:
                await self._hand_on(channel, batch)

    async def _rest(self) -> None:
        rest_s = min(REST_S_MAX, REST_S_PER_TOPIC * len(self._channels))
        if rest_s >= REST_S_MIN:
            await asyncio.sleep(rest_s)

    async def _hand_on(self, channel: _Channel, entries: Sequence[LogEntry]) -> None:
        if entries[0].position.epoch != channel.position.epoch:
            self._break(channel, entries[0].position)
        channel.position = entries[-1].position
        updates = [Update(entry) for entry in entries if isinstance(entry.event, Bar)]
        if updates:
            await self._fan_out(channel, updates)
            self._watch.hear(entries[0].topic, None)
        # After the bars: a feed says that it is live when the hole before it is filled.
        for entry in entries:
            if isinstance(entry.event, FeedStatus):
                self._watch.hear(entry.topic, entry.event)

    async def _fan_out(self, channel: _Channel, updates: Sequence[Update]) -> None:
        began_s, straight = self._clock.steady_s(), 0
        turn_ends_s = began_s + TURN_S
        # Who joins or leaves meanwhile knows by the position what is new to it.
        for listener in tuple(channel.listeners):
            if listener.deliver(updates):
                straight += 1
            if self._clock.steady_s() > turn_ends_s:
                await others_first(TURN_OF_OTHERS_S)
                turn_ends_s = self._clock.steady_s() + TURN_S
        # Once for all of them: counting each would cost a tenth of telling it.
        figures.MESSAGES.add(straight, "bar")
        figures.FAN_OUT.note(self._clock.steady_s() - began_s)
        written_ms = updates[-1].order[0]
        figures.DELIVERY.note(max(self._clock.now_ms() - written_ms, 0) / 1_000)

    async def _check_epochs(self) -> None:
        # A Redis that came back empty counts its entries anew: the old offsets mean nothing there.
        for topic, channel in list(self._channels.items()):
            try:
                position = await self._log.position(topic)
            except (RedisError, OSError):
                return
            if position.epoch != channel.position.epoch:
                channel.position = Position(position.epoch, EMPTY_OFFSET)
                self._break(channel, position)

    def _tell(self, topic: Topic, status: FeedStatus) -> None:
        channel = self._channels.get(topic)
        for listener in tuple(channel.listeners) if channel is not None else ():
            listener.told(status)

    def _break(self, channel: _Channel, position: Position) -> None:
        for listener in tuple(channel.listeners):
            listener.broken(position)
