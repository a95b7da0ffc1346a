"""What one listener was told of the feed of one topic, and what is still to be told; pure."""

from dataclasses import dataclass

from services.announcing.news import FeedChange

# A feed that is back at once was never missed; one that comes and goes is told more slowly.
FEED_HOLD_MS, FEED_HOLD_AGAIN_MS, FEED_AGAIN_MS = 3_000, 15_000, 60_000


@dataclass(slots=True)
class FeedEar:
    """Keep how the feed is, since when, and whether the listener knows; ``due_ms`` is when to tell.

    It is kept while nothing is to be said: who listens again is told what has changed since the last word.
    """

    lost: bool = False
    since_ms: int = 0
    # When the loss began that is told, or will be.
    lost_since_ms: int = 0
    # How long the feed was away, once it is back.
    lost_ms: int = 0
    due_ms: int | None = None
    told_lost: bool = False
    loss_told_ms: int | None = None

    def hear(self, change: FeedChange, now_ms: int) -> None:
        """Note that the feed was lost or is back; what does not last for a while is not said."""
        if not change.lost:
            self.lost_ms = change.since_ms - self.lost_since_ms
        elif not self.told_lost:
            self.lost_since_ms = change.since_ms
        self.lost, self.since_ms = change.lost, change.since_ms
        # Back before anybody was told: there is nothing to say.
        self.due_ms = None if change.lost == self.told_lost else now_ms + self._hold_ms(now_ms)

    def turn_back(self, back_ms: int) -> None:
        """Go by a clock that was set back by so much."""
        self.due_ms = None if self.due_ms is None else self.due_ms - back_ms
        self.loss_told_ms = None if self.loss_told_ms is None else self.loss_told_ms - back_ms

    def told(self, now_ms: int) -> None:
        """Note that the state of the feed was said."""
        self.told_lost, self.due_ms = self.lost, None
        if self.lost:
            self.loss_told_ms = now_ms

    def _hold_ms(self, now_ms: int) -> int:
        told_ms = self.loss_told_ms
        again = self.lost and told_ms is not None and now_ms - told_ms < FEED_AGAIN_MS
        return FEED_HOLD_AGAIN_MS if again else FEED_HOLD_MS
