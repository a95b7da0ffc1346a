"""The feeds of all workers as one list, what needs attention first; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from services.fleet.report import HeardReport, TopicReport
from services.fleet.roll import TELL_EVERY_S
from utils.domain import Topic

# So long a feed may take to open, or to find another worker, before that is worth a word.
OPENING_MAX_MS = 10_000
# A worker that has told nothing for longer has not told in time.
TOLD_WITHIN_MS = round(TELL_EVERY_S * 2_000)


class FeedMood(StrEnum):
    """Say how a feed is: as it said itself, or that it opens, or that nobody feeds the topic."""

    LIVE = "live"
    OPENING = "opening"
    STALE = "stale"
    DELAYED = "delayed"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class FeedRow:
    """Say how one topic is fed.

    ``holder`` is the worker that feeds it. ``silent_ms`` is how long the exchange has not been heard, None
    when it was not heard yet. ``late`` is whether somebody should look after it.
    """

    topic: Topic
    holder: str | None
    mood: FeedMood
    said_ms: int | None
    silent_ms: int | None
    listeners: int
    late: bool

    @property
    def place(self) -> str:
        """Return where it stands in the list, as a text that sorts: what needs attention first."""
        return f"{0 if self.late else 1}.{self.topic.text}"


@dataclass(frozen=True, slots=True)
class FeedTotals:
    """Count the feeds; ``silent_ms`` is that of the live feed that was heard least recently."""

    total: int
    late: tuple[Topic, ...]
    silent_ms: int | None


def feed_rows(heard: Iterable[HeardReport]) -> list[FeedRow]:
    """Return every topic that any worker has to do with, in their order."""
    told = [(topic, each) for each in heard for topic in each.report.topics]
    told.sort(key=lambda pair: pair[0].topic.text)
    rows = [_row(list(group)) for _, group in groupby(told, lambda pair: pair[0].topic)]
    return sorted(rows, key=lambda row: row.place)


def feed_totals(rows: Sequence[FeedRow]) -> FeedTotals:
    """Return what the rows come to."""
    silences = [row.silent_ms for row in rows if row.mood is FeedMood.LIVE and row.silent_ms is not None]
    late = tuple(row.topic for row in rows if row.late)
    return FeedTotals(len(rows), late, max(silences, default=None))


def _row(told: list[tuple[TopicReport, HeardReport]]) -> FeedRow:
    # Two may say that they hold it while it changes hands: the one that was heard last is right.
    told.sort(key=lambda pair: pair[1].age_ms)
    holder = next((pair for pair in told if pair[0].held), None)
    listeners = sum(topic.listeners for topic, _ in told)
    wanted_ms = max(topic.wanted_for_ms + heard.age_ms for topic, heard in told)
    if holder is None:
        return _unheld(told, listeners, wanted_ms)
    topic, heard = holder
    overdue_ms = max(heard.age_ms - TOLD_WITHIN_MS, 0)
    mood = FeedMood.OPENING if topic.said is None else FeedMood(topic.said)
    late = overdue_ms > 0 or (mood is not FeedMood.LIVE and _is_over(mood, wanted_ms))
    silent_ms = None if topic.silent_ms is None else topic.silent_ms + overdue_ms
    return FeedRow(topic.topic, heard.report.name, mood, topic.said_ms, silent_ms, listeners, late)


def _unheld(told: list[tuple[TopicReport, HeardReport]], listeners: int, wanted_ms: int) -> FeedRow:
    # A feed that failed gives its lease back before it tries again: what it said is still true.
    said = next((topic for topic, _ in told if topic.said not in (None, FeedMood.LIVE)), None)
    topic = said or told[0][0]
    if said is not None and said.said is not None:
        mood = FeedMood(said.said)
    else:
        mood = FeedMood.OPENING if wanted_ms <= OPENING_MAX_MS else FeedMood.OFFLINE
    late = mood is not FeedMood.OPENING
    return FeedRow(topic.topic, None, mood, topic.said_ms, topic.silent_ms, listeners, late)


def _is_over(mood: FeedMood, wanted_ms: int) -> bool:
    return mood is not FeedMood.OPENING or wanted_ms > OPENING_MAX_MS
