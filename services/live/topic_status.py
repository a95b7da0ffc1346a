"""What the listeners of one topic are told of it, from what this worker knows; pure.

Three things are known: what the feed said of itself last, when somebody was last seen to hold the topic's
lease, and whether this worker can read the logs.
"""

from dataclasses import dataclass, field, replace

from services.live.log import FeedStatus
from services.live.status_gate import StatusGate

# One broken connection to Redis is mended before anybody notices.
DELAYED_AFTER_S = 1.0
# After Redis was away, a feed is believed when it says something, or when its lease outlived a whole term.
PROVEN_AFTER_S = 7.0
# A lease that is given back or that ends is taken by another within a second.
UNFED_AFTER_S = 5.0
# A feed that fails gives its lease back, and tries again within half a minute.
RETRYING_S = 45.0

DELAYED = "Live prices are held up. They go on by themselves."
OFFLINE = "Nobody feeds these prices at the moment. They begin by themselves."


@dataclass(slots=True)
class LogReading:
    """Know since when this worker cannot read the logs, and when it last could again."""

    lost_s: float | None = None
    back_s: float | None = None

    def lose(self, now_s: float) -> None:
        """Note that a reading failed."""
        if self.lost_s is None:
            self.lost_s = now_s

    def regain(self, now_s: float) -> None:
        """Note that a reading succeeded."""
        if self.lost_s is not None:
            self.lost_s, self.back_s = None, now_s

    def forget(self) -> None:
        """Begin anew, as one who never failed."""
        self.lost_s = self.back_s = None


@dataclass(slots=True)
class TopicStatus:
    """Decide what is said of one topic, and when: what flaps must not talk all the time."""

    reading: LogReading
    # When somebody was last seen to feed the topic, or since when we look.
    fed_s: float
    feed: FeedStatus | None = None
    said: FeedStatus | None = None
    _heard_s: float = 0.0
    _gate: StatusGate = field(default_factory=StatusGate)

    def hear(self, status: FeedStatus | None, now_s: float) -> None:
        """Note an entry of the log, and what it says of the feed; None when it is a bar."""
        self.fed_s = self._heard_s = now_s
        if status is not None:
            self.feed = status

    def see_lease(self, now_s: float) -> None:
        """Note that somebody holds the lease."""
        self.fed_s = now_s

    def due(self, now_s: float, now_ms: int) -> FeedStatus | None:
        """Return what is to be said now, and take it as said; None when there is nothing new."""
        status = self._status(now_s, now_ms)
        if status is None or self._gate.wait_s(status.state, now_s) != 0:
            return None
        self._gate.note(status.state, now_s)
        if self.said is not None and status.since_ms < self.said.since_ms:
            # The feed has been so for long; that it is so again, as heard here, is new.
            status = replace(status, since_ms=now_ms)
        self.said = status
        return status

    def _status(self, now_s: float, now_ms: int) -> FeedStatus | None:
        lost_s, back_s = self.reading.lost_s, self.reading.back_s
        if lost_s is not None:
            return FeedStatus("delayed", now_ms, DELAYED) if now_s - lost_s >= DELAYED_AFTER_S else None
        if back_s is not None and self._heard_s < back_s and now_s - back_s < PROVEN_AFTER_S:
            return None
        # While nobody could look, nobody was seen.
        unseen_s = now_s - max(self.fed_s, back_s or self.fed_s)
        retrying = self.feed is not None and self.feed.state != "live"
        if unseen_s > (RETRYING_S if retrying else UNFED_AFTER_S):
            return FeedStatus("offline", now_ms, OFFLINE)
        return self.feed
