"""Whoever sees to it that topics are fed: this worker itself, or feed processes elsewhere."""

from dataclasses import dataclass
from typing import Protocol

from services.live.log import FeedStatus
from utils.domain import Topic


@dataclass(frozen=True, slots=True)
class KeptFeed:
    """Say how a topic is that a worker keeps: whether it holds it, and what its feed said of itself last.

    ``said`` is None where this worker has never held it; ``heard_s`` is when the exchange was heard last, by
    the steady clock.
    """

    topic: Topic
    held: bool
    said: FeedStatus | None
    heard_s: float | None


class Feeds(Protocol):
    """Be told which topics have listeners on this worker, one call a listener."""

    def want(self, topic: Topic) -> None:
        """Count one more listener."""
        ...

    def unwant(self, topic: Topic) -> None:
        """Count one listener less."""
        ...

    @property
    def running(self) -> tuple[Topic, ...]:
        """Return the topics whose feeds this worker keeps."""
        ...

    @property
    def states(self) -> tuple[KeptFeed, ...]:
        """Return how each of them is."""
        ...

    async def close(self) -> None:
        """Want nothing any more."""
        ...
