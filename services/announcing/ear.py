"""What one listener has heard of one topic since the last message about it; pure."""

from dataclasses import dataclass, field

from services.announcing.announcement import (
    KINDS,
    Announcement,
    Closed,
    Cover,
    Moved,
    Part,
    Priority,
)
from services.announcing.news import Extreme, FeedChange, News, Side, Spike
from services.announcing.preferences import Mode, MoveThreshold
from utils.domain import Topic

# An extreme is said again only when it lies this part of a move's threshold beyond the one said before.
EXTREME_REARM = 0.25


@dataclass(slots=True)
class Ear:
    """Keep the anchor of moves, the cover, and what waits to be said of a topic.

    ``above`` and ``below`` are the prices from which on a move is worth saying: two comparisons decide about
    almost every update.
    """

    topic: Topic
    step: float | None
    from_ms: int
    anchor: float | None = None
    anchored_ms: int = 0
    distance: float = float("inf")
    above: float = float("inf")
    below: float = float("-inf")
    atr: float | None = None
    opened: float | None = None
    high: float = 0.0
    low: float = 0.0
    last: float = 0.0
    last_ms: int = 0
    conflated: int = 0
    jumped_from: float | None = None
    jumped_ms: int = 0
    not_before_ms: int = 0
    priority: Priority | None = None
    closed: Closed | None = None
    moved: bool = False
    spike: Spike | None = None
    extremes: dict[Side, Extreme] = field(default_factory=dict)
    extremes_said: dict[Side, float] = field(default_factory=dict)
    feed_lost: bool = False
    feed_since_ms: int = 0
    # How long the feed was away, once it is back.
    feed_lost_ms: int = 0
    feed_due_ms: int | None = None
    loss_told_ms: int | None = None
    feed_told_lost: bool = False

    @property
    def waits(self) -> bool:
        """Tell whether anything is to be said."""
        return self.priority is not None or self.feed_due_ms is not None

    @property
    def rank(self) -> tuple[int, int]:
        """Return what sorts the most important, and then the longest waiting, first."""
        return (0 if self.priority is Priority.IMPORTANT else 1, self.from_ms)

    def anchor_at(self, price: float, time_ms: int, move: MoveThreshold) -> None:
        """Measure moves from this price on."""
        self.anchor, self.anchored_ms = price, time_ms
        self.measure(move)

    def caught_up(self, price: float, time_ms: int, move: MoveThreshold) -> None:
        """Note that all moves up to this price were told; what else waits still does."""
        self.anchor_at(price, time_ms, move)
        self.moved = False
        self._judge()

    def measure(self, move: MoveThreshold) -> None:
        """Say anew how far the price has to go."""
        if self.anchor is not None:
            self.distance = move.distance(self.anchor, self.step, self.atr)
            self.above, self.below = self.anchor + self.distance, self.anchor - self.distance

    def widen(self, news: News) -> None:
        """Take the prices of an update into the cover."""
        assert news.last is not None
        if self.opened is None:
            self.opened, self.high, self.low = news.last, news.high, news.low
        else:
            self.high = max(self.high, news.high)
            self.low = min(self.low, news.low)
        self.last, self.last_ms, self.atr = news.last, news.time_ms, news.atr
        self.conflated += 1

    def note(self, news: News, mode: Mode, *, moved: bool) -> None:
        """Keep what is worth saying, as far as the listener wants to hear of it."""
        if mode not in (Mode.IMPORTANT, Mode.ALL):
            return
        if news.spike is not None:
            self.spike = news.spike
        self.moved = self.moved or moved
        if mode is Mode.ALL:
            if news.closed is not None:
                self.closed = Closed(news.closed, self.closed.bars_count + 1 if self.closed else 1)
            for extreme in news.extremes:
                if self._is_far(extreme):
                    self.extremes[extreme.side] = extreme
        self._judge()

    def forget(self, mode: Mode) -> None:
        """Drop what the listener does not want to hear any more."""
        if mode is not Mode.ALL:
            self.closed = None
            self.extremes.clear()
        if mode not in (Mode.IMPORTANT, Mode.ALL):
            self.spike, self.moved = None, False
        self._judge()

    def clear(self) -> None:
        """Forget what was just said."""
        self.extremes_said |= {side: extreme.price for side, extreme in self.extremes.items()}
        self.closed, self.spike, self.moved, self.priority = None, None, False, None
        self.extremes.clear()
        self.not_before_ms = 0

    def cover(self) -> Cover | None:
        """Return the prices since the message before; None where there were none."""
        if self.opened is None:
            return None
        return Cover(self.opened, self.high, self.low, self.last, self.from_ms, self.last_ms)

    def begin_cover(self, move: MoveThreshold) -> None:
        """Begin a new cover, and measure moves from the price that was just said."""
        if self.opened is not None:
            self.opened, self.high, self.low = self.last, self.last, self.last
            self.anchor_at(self.last, self.last_ms, move)
            # By the log's clock, so that one cover ends where the next begins.
            self.from_ms = self.last_ms
        self.conflated, self.moved = 0, False
        # A move that waited has been told with this; whatever else waits still does.
        self._judge()

    def announce(self, now_ms: int) -> Announcement:
        """Return the message of this moment: the reason first, then what else happened."""
        assert self.priority is not None
        parts: list[Part] = []
        if self.moved and self.anchor is not None:
            far_up = self.high - self.anchor >= self.anchor - self.low
            reached = self.high if far_up else self.low
            parts.append(Moved(self.anchor, reached, self.last, self.anchored_ms))
        if self.spike is not None:
            parts.append(self.spike)
        parts += self.extremes.values()
        if self.closed is not None:
            parts.append(self.closed)
        return Announcement(
            KINDS[type(parts[0])],
            self.priority,
            self.topic,
            now_ms,
            tuple(parts),
            self.cover(),
            self.conflated,
        )

    def hear_feed(self, change: FeedChange, due_ms: int) -> None:
        """Note that the feed was lost or is back; what does not last until ``due_ms`` is not said."""
        if not change.lost and self.feed_lost:
            self.feed_lost_ms = change.since_ms - self.feed_since_ms
        self.feed_lost, self.feed_since_ms = change.lost, change.since_ms
        # Back before anybody was told: there is nothing to say.
        self.feed_due_ms = None if change.lost == self.feed_told_lost else due_ms

    def feed_told(self, now_ms: int) -> None:
        """Note that the state of the feed was said."""
        self.feed_told_lost, self.feed_due_ms = self.feed_lost, None
        if self.feed_lost:
            self.loss_told_ms = now_ms

    def _is_far(self, extreme: Extreme) -> bool:
        said = self.extremes_said.get(extreme.side)
        if said is None:
            return True
        beyond = extreme.price - said if extreme.side is Side.HIGH else said - extreme.price
        return beyond >= self.distance * EXTREME_REARM

    def _judge(self) -> None:
        if self.moved or self.spike is not None:
            self.priority = Priority.IMPORTANT
        elif self.extremes or self.closed is not None:
            self.priority = Priority.ROUTINE
        else:
            self.priority = None
