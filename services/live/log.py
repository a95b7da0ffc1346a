"""The live log: one Redis Stream a topic. Its entry ids are the offsets, its making gives the epoch.

Every worker reads the log from a position it holds itself, so a broken connection loses nothing: the reader
goes on from where it was. Only the holder of a topic's lease can append (the script checks its token).
"""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from redis.asyncio import Redis

from services.live.log_scripts import APPEND, BEGIN_ANEW, POSITION
from utils.domain import Bar, BarSource, BarState, Topic
from utils.tasks import heed_cancellation

# The horizon of resume: this many entries, or this long after the last one, whichever ends first.
ENTRIES_KEPT = 4_096
KEPT_MS = 24 * 60 * 60 * 1_000
# Forming versions push closes out of the log within minutes; the next holder must know them nevertheless.
FINALS_KEPT = 500
EMPTY_OFFSET = "0-0"
# Clients come back by the hundred after a restart, and the connections to Redis are fewer.
READS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Position:
    """Name one place in one life of a log."""

    epoch: str
    offset: str


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """Say how a feed is: ``live``, ``delayed``, ``stale`` or ``offline``, since when, in words."""

    state: str
    since_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a topic's log: a bar, or a status of its feed."""

    topic: Topic
    position: Position
    event: Bar | FeedStatus

    def __hash__(self) -> int:
        # An entry is looked up once for every connection: its many fields need not be hashed each time.
        return hash(self.position.offset)

    @property
    def is_forming(self) -> bool:
        """Tell whether a newer entry may take this one's place."""
        return isinstance(self.event, Bar) and not self.event.final


@dataclass(frozen=True, slots=True)
class FeedSeen:
    """Say whether somebody feeds a topic, and what its feed said of itself last."""

    held: bool
    status: FeedStatus | None


class LeaseLost(Exception):
    """Say that another worker holds the topic now."""


@lru_cache(maxsize=1_024)
def order_of(offset: str) -> tuple[int, int]:
    """Return an offset as numbers that compare as the log is ordered."""
    milliseconds, _, sequence = offset.partition("-")
    return int(milliseconds), int(sequence or 0)


def is_offset(text: str) -> bool:
    """Tell whether a text has the form of an offset."""
    parts = text.split("-")
    return len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) <= 20 for part in parts)


def stream_key(topic: Topic) -> str:
    """Return the key of the topic's stream; the braces keep a topic's keys together in a cluster."""
    return f"live:{{{topic.text}}}:log"


def epoch_key(topic: Topic) -> str:
    """Return the key of the topic's epoch."""
    return f"live:{{{topic.text}}}:epoch"


def finals_key(topic: Topic) -> str:
    """Return the key of the topic's newest final bars."""
    return f"live:{{{topic.text}}}:finals"


def status_key(topic: Topic) -> str:
    """Return the key of what the topic's feed said of itself last."""
    return f"live:{{{topic.text}}}:status"


def lease_key(topic: Topic) -> str:
    """Return the key of the topic's lease."""
    return f"live:{{{topic.text}}}:lease"


def encode_event(event: Bar | FeedStatus) -> bytes:
    """Return the stored form of an event: ``{"b": [ms, o, h, l, c, v, "closed", 0, "trades"]}``."""
    if isinstance(event, Bar):
        row = [event.open_time_ms, *event.values, event.state.value, event.revision, event.source.value]
        return orjson.dumps({"b": row})
    return orjson.dumps({"s": [event.state, event.since_ms, event.text]})


def decode_event(encoded: bytes) -> Bar | FeedStatus:
    """Return the event that ``encode_event`` stored."""
    stored = orjson.loads(encoded)
    if "b" not in stored:
        return FeedStatus(*stored["s"])
    open_ms, opened, high, low, close, volume, state, revision, source = stored["b"]
    return Bar(open_ms, opened, high, low, close, volume, BarState(state), revision, BarSource(source))


def decode_entry(topic: Topic, raw_id: bytes, fields: Mapping[bytes, bytes]) -> LogEntry:
    """Return an entry as read from the stream."""
    position = Position(fields[b"e"].decode(), raw_id.decode())
    return LogEntry(topic, position, decode_event(fields[b"d"]))


def _log_keys(topic: Topic) -> list[str]:
    return [stream_key(topic), epoch_key(topic), finals_key(topic), status_key(topic)]


def _kind(event: Bar | FeedStatus) -> str:
    if isinstance(event, FeedStatus):
        return "status"
    return "final" if event.final else "forming"


class LiveLog:
    """Append to and read from the logs; every call fails within the client's own deadline."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reading = asyncio.Semaphore(READS_AT_ONCE)
        self._append = redis.register_script(APPEND)
        self._begin_anew = redis.register_script(BEGIN_ANEW)
        self._position = redis.register_script(POSITION)

    async def append(self, topic: Topic, event: Bar | FeedStatus, *, token: str) -> Position:
        """Write an event behind all others. Raises: LeaseLost when the token no longer holds the topic."""
        epoch, offset = await heed_cancellation(
            self._append(
                keys=[*_log_keys(topic), lease_key(topic)],
                args=[token, encode_event(event), ENTRIES_KEPT, KEPT_MS, _kind(event), FINALS_KEPT],
            )
        )
        if not epoch:
            raise LeaseLost
        return Position(epoch.decode(), offset.decode())

    async def begin_anew(self, topic: Topic, *, token: str) -> None:
        """Begin a new life of the log. Raises: LeaseLost as ``append`` does."""
        keys = [*_log_keys(topic), lease_key(topic)]
        if not await heed_cancellation(self._begin_anew(keys=keys, args=[token])):
            raise LeaseLost

    async def position(self, topic: Topic) -> Position:
        """Return the place of the newest entry; a topic without a log gets an empty one."""
        async with self._reading:
            epoch, offset = await heed_cancellation(self._position(keys=_log_keys(topic), args=[KEPT_MS]))
        return Position(epoch.decode(), offset.decode())

    async def read_newest(self, topic: Topic, count: int, *, until: str = "+") -> tuple[LogEntry, ...]:
        """Return the newest entries up to an offset, that included, oldest first."""
        raw = await self._read_back(stream_key(topic), count, until)
        return tuple(decode_entry(topic, raw_id, fields) for raw_id, fields in raw)

    async def read_finals(self, topic: Topic) -> Iterator[Bar]:
        """Return the newest final bars, oldest first, also those that the log itself holds no longer."""
        raw = await self._read_back(finals_key(topic), FINALS_KEPT)
        events = (decode_event(fields[b"d"]) for _, fields in raw)
        return (event for event in events if isinstance(event, Bar))

    async def feed_of(self, topic: Topic) -> FeedSeen:
        """Return how the feed of a topic is."""
        async with self._reading, self._redis.pipeline(transaction=False) as pipeline:
            pipeline.exists(lease_key(topic))
            pipeline.get(status_key(topic))
            held, said = await heed_cancellation(pipeline.execute())
        return FeedSeen(bool(held), None if said is None else FeedStatus(*orjson.loads(said)["s"]))

    async def held(self, topics: Sequence[Topic]) -> tuple[Topic, ...]:
        """Return those of the topics whose lease somebody holds."""
        async with self._reading, self._redis.pipeline(transaction=False) as pipeline:
            for topic in topics:
                pipeline.exists(lease_key(topic))
            held = await heed_cancellation(pipeline.execute())
        return tuple(itertools.compress(topics, held))

    async def _read_back(self, key: str, count: int, until: str = "+") -> list[Any]:
        async with self._reading:
            newest_first: Any = await heed_cancellation(self._redis.xrevrange(key, max=until, count=count))
        return list(reversed(newest_first))

    async def read_at(self, topic: Topic, position: Position) -> LogEntry | None:
        """Return the entry at a position; None where the log does not hold it any more."""
        async with self._reading:
            raw: Any = await heed_cancellation(
                self._redis.xrange(stream_key(topic), position.offset, position.offset)
            )
        entries = [decode_entry(topic, raw_id, fields) for raw_id, fields in raw]
        return entries[0] if entries and entries[0].position == position else None

    async def read_between(
        self, topic: Topic, since: Position, until: Position
    ) -> tuple[LogEntry, ...] | None:
        """Return every entry after ``since`` up to ``until``; None when any of them may be missing.

        The log vouches for completeness only while it still holds the entry the reader saw last.
        """
        if since.epoch != until.epoch:
            return None
        if since.offset == until.offset:
            return ()
        key = stream_key(topic)
        # One read for the proof and for what it proves: between two, the proof may be trimmed away.
        async with self._reading:
            raw: Any = await heed_cancellation(self._redis.xrange(key, since.offset, until.offset))
        if since.offset == EMPTY_OFFSET:
            async with self._reading:
                about: Any = await heed_cancellation(self._redis.xinfo_stream(key))
            if about["entries-added"] != about["length"]:
                return None
        elif not raw or raw[0][0].decode() != since.offset:
            return None
        else:
            raw = raw[1:]
        return tuple(decode_entry(topic, raw_id, fields) for raw_id, fields in raw)
