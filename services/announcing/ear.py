"""What one listener has heard of one topic since the last message about it; pure."""

from dataclasses import dataclass, field, replace

from services.announcing.announcement import (
    KINDS,
    Announcement,
    Closed,
    Cover,
    Moved,
    Part,
    Priority,
)
from services.announcing.feed_ear import FeedEar
from services.announcing.news import Extreme, News, Side, Spike
from services.announcing.preferences import Mode, MoveThreshold
from utils.domain import DAY_MS, Topic

# An extreme is said again only when it lies this part of a move's threshold beyond the one said before.
EXTREME_REARM = 0.25


@dataclass(frozen=True, slots=True)
class Reached:
    """An extreme, and when the log told of it."""

    extreme: Extreme
    time_ms: int


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
    extremes: dict[Side, Reached] = field(default_factory=dict)
    # By the number of bars too: one of twenty bars says nothing of how far the day has gone.
    extremes_said: dict[tuple[Side, int], Reached] = field(default_factory=dict)
    feed: FeedEar = field(default_factory=FeedEar)

    @property
    def waits(self) -> bool:
        """Tell whether anything is to be said."""
        return self.priority is not None or self.feed.due_ms is not None

    @property
    def rank(self) -> tuple[int, int]:
        """Return what sorts the most important, and then the longest waiting, first."""
        return (0 if self.priority is Priority.IMPORTANT else 1, self.from_ms)

    def turn_back(self, back_ms: int) -> None:
        """Go by a clock that was set back by so much; the times of prices are those of the log."""
        self.not_before_ms -= back_ms
        self.jumped_ms -= back_ms
        self.feed.turn_back(back_ms)

    def anchor_at(self, price: float, time_ms: int, move: MoveThreshold) -> None:
        """Measure moves from this price on."""
        self.anchor, self.anchored_ms = price, time_ms
        self.measure(move)

    def caught_up(self, price: float, time_ms: int, move: MoveThreshold) -> None:
        """Note that all prices up to this one were told; what else waits still does."""
        self.opened = self.high = self.low = self.last = price
        self.last_ms = time_ms
        self.begin_cover(move)

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
        # The final version of a bar may come after the next one began.
        self.last, self.last_ms, self.atr = news.last, max(self.last_ms, news.time_ms), news.atr
        self.conflated += 1
        if self.spike is not None and news.grown is not None:
            self.spike = news.grown

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
                if self._is_far(extreme, news.time_ms):
                    self.extremes[extreme.side] = Reached(extreme, news.time_ms)
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
        for side, reached in self.extremes.items():
            self.extremes_said[side, reached.extreme.bars_count] = reached
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
        if self.closed is not None:
            # It is still to be told, but closed before what was just said.
            self.closed = replace(self.closed, bars_count=0)
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
        parts += (each.extreme for each in self.extremes.values())
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

    def _is_far(self, extreme: Extreme, time_ms: int) -> bool:
        """Tell whether an extreme is far from what was said of its own day, or of its own bars."""
        timeframe = self.topic.timeframe
        from_ms = time_ms // DAY_MS * DAY_MS
        if extreme.bars_count:
            from_ms = timeframe.shift(timeframe.floor(time_ms), -extreme.bars_count)
        sign = 1 if extreme.side is Side.HIGH else -1
        return all(
            sign * (extreme.price - said.extreme.price) >= self.distance * EXTREME_REARM
            for (side, _), said in self.extremes_said.items()
            if side is extreme.side and said.time_ms >= from_ms
        )

    def _judge(self) -> None:
        if self.moved or self.spike is not None:
            self.priority = Priority.IMPORTANT
        elif self.extremes or self.closed is not None:
            self.priority = Priority.ROUTINE
        else:
            self.priority = None
