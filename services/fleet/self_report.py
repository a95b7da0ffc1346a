"""What a worker finds to tell of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.fleet.report import TopicReport, WorkerReport
from services.live.feeds import KeptFeed
from services.upstream.state import ExchangeState
from utils.domain import Topic


@dataclass(frozen=True, slots=True)
class SelfParts:
    """Who a worker is, and where to ask for the rest of what it tells."""

    name: str
    role: str
    connections: Callable[[], int]
    listeners: Callable[[], Mapping[Topic, int]]
    feeds: Callable[[], Sequence[KeptFeed]]
    exchanges: Callable[[], Sequence[ExchangeState]]
    steady_s: Callable[[], float]


class SelfReport:
    """Make reports, and remember since when each topic is in them."""

    def __init__(self, parts: SelfParts) -> None:
        self._parts = parts
        self._since_s: dict[Topic, float] = {}

    def describe(self) -> WorkerReport:
        """Return how this worker is now."""
        parts = self._parts
        now_s = parts.steady_s()
        listeners = parts.listeners()
        kept = {feed.topic: feed for feed in parts.feeds()}
        topics = [*kept, *(topic for topic in listeners if topic not in kept)]
        self._since_s = {topic: self._since_s.get(topic, now_s) for topic in topics}
        return WorkerReport(
            name=parts.name,
            role=parts.role,
            connections=parts.connections(),
            topics=tuple(
                self._topic(topic, listeners.get(topic, 0), kept.get(topic), now_s) for topic in topics
            ),
            exchanges=tuple(parts.exchanges()),
        )

    def _topic(self, topic: Topic, listeners: int, feed: KeptFeed | None, now_s: float) -> TopicReport:
        wanted_for_ms = _milliseconds(now_s - self._since_s[topic])
        if feed is None:
            return TopicReport(topic, listeners, wanted_for_ms)
        return TopicReport(
            topic=topic,
            listeners=listeners,
            wanted_for_ms=wanted_for_ms,
            held=feed.held,
            said=None if feed.said is None else feed.said.state,
            said_ms=None if feed.said is None else feed.said.since_ms,
            silent_ms=None if feed.heard_s is None else _milliseconds(now_s - feed.heard_s),
        )


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1_000), 0)
