"""Whoever sees to it that topics are fed: this worker itself, or feed processes elsewhere."""

from typing import Protocol

from utils.domain import Topic


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

    async def close(self) -> None:
        """Want nothing any more."""
        ...
