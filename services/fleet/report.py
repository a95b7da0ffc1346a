"""What one worker tells the others of itself, and its stored form; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.upstream.state import ExchangeMood, ExchangeState
from utils.domain import Topic

# Whoever has more tells of these: an answer about feeds is for people, and bounded.
TOPICS_TOLD_MAX = 5_000
EXCHANGES_TOLD_MAX = 200


@dataclass(frozen=True, slots=True)
class TopicReport:
    """Say what a worker has to do with a topic.

    ``wanted_for_ms`` is how long it has wanted it; ``said`` is what its own feed of it said last and
    ``said_ms`` when; ``silent_ms`` is how long the exchange has not been heard. What it cannot know is None.
    """

    topic: Topic
    listeners: int = 0
    wanted_for_ms: int = 0
    held: bool = False
    said: str | None = None
    said_ms: int | None = None
    silent_ms: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """Say who a worker is, how many live connections it holds, and how topics and exchanges are there."""

    name: str
    role: str
    connections: int
    topics: Sequence[TopicReport]
    exchanges: Sequence[ExchangeState]


@dataclass(frozen=True, slots=True)
class HeardReport:
    """Hold what a worker told, and how long ago."""

    report: WorkerReport
    age_ms: int


def encode_report(report: WorkerReport) -> bytes:
    """Return the stored form: short rows, since every worker tells all of it every two seconds."""
    topics = [
        [
            each.topic.text,
            each.listeners,
            each.wanted_for_ms,
            each.held,
            each.said,
            each.said_ms,
            each.silent_ms,
        ]
        for each in report.topics[:TOPICS_TOLD_MAX]
    ]
    exchanges = [
        [each.market, each.exchange, each.mood.value, each.wait_s, each.requests_per_s]
        for each in report.exchanges[:EXCHANGES_TOLD_MAX]
    ]
    return orjson.dumps([report.name, report.role, report.connections, topics, exchanges])


def decode_report(stored: bytes) -> WorkerReport:
    """Return what ``encode_report`` made. Raises: ValueError when it is of another version of the program."""
    row: Any = orjson.loads(stored)
    try:
        name, role, connections, topics, exchanges = row
        return WorkerReport(
            name,
            role,
            connections,
            tuple(TopicReport(Topic.parse(text), *rest) for text, *rest in topics),
            tuple(
                ExchangeState(market, exchange, ExchangeMood(mood), wait_s, requests_per_s)
                for market, exchange, mood, wait_s, requests_per_s in exchanges
            ),
        )
    except TypeError as error:
        raise ValueError("not a report of this version") from error
