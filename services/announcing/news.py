"""What one entry of a topic's log says that nobody knew before; pure values, made once for all listeners."""

from dataclasses import dataclass
from enum import StrEnum

from utils.domain import Bar, Gap, GapReason, Topic

# What is known so late, as after an outage, is history: nobody is told of it as of now.
LATE_MS = 60_000


class Side(StrEnum):
    """Which end of the prices."""

    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Extreme:
    """A price beyond all others: of the day where ``bars_count`` is 0, else of that many bars."""

    side: Side
    price: float
    bars_count: int = 0


@dataclass(frozen=True, slots=True)
class Spike:
    """A bar with many times the usual volume: ``mean`` is that of the bars before it."""

    open_time_ms: int
    volume: float
    mean: float


@dataclass(frozen=True, slots=True)
class FeedChange:
    """A feed that was lost, or is back."""

    lost: bool
    since_ms: int


@dataclass(frozen=True, slots=True)
class Past:
    """What history knows of the time before: its newest bars, oldest first, and the holes among them.

    ``answered_ms`` is when the exchange last told them, where it did not just now.
    """

    bars: tuple[Bar, ...] = ()
    gaps: tuple[Gap, ...] = ()
    answered_ms: int | None = None

    @property
    def whole_from_ms(self) -> int | None:
        """Return from when on every bar there was is among these; None without bars."""
        if not self.bars:
            return None
        ends_ms = [gap.span.end_ms for gap in self.gaps if gap.reason is not GapReason.NO_TRADES]
        return max([self.bars[0].open_time_ms, *ends_ms])


@dataclass(frozen=True, slots=True)
class News:
    """Hold what is new: prices reached since the entry before, and what follows from them.

    ``last`` is the newest price, None when the entry says nothing of prices. ``high`` and ``low`` are what
    was reached since the entry before, so that nothing falls between two entries. ``grown`` is a spike that
    was news before, with the volume that its bar has by now.
    """

    topic: Topic
    time_ms: int
    last: float | None = None
    high: float = 0.0
    low: float = 0.0
    closed: Bar | None = None
    extremes: tuple[Extreme, ...] = ()
    spike: Spike | None = None
    feed: FeedChange | None = None
    atr: float | None = None
    grown: Spike | None = None
