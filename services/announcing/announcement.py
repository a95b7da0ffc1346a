"""One announcement before it is put into words: what happened, how much it matters, what it covers; pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from services.announcing.news import Extreme, Side, Spike
from utils.domain import Bar, Topic


class Priority(StrEnum):
    """What may wait, what should not, and what must be heard at once."""

    CRITICAL = "critical"
    IMPORTANT = "important"
    ROUTINE = "routine"


class Kind(StrEnum):
    """What an announcement is about."""

    BAR_CLOSE = "bar_close"
    MOVE = "move"
    EXTREME = "extreme"
    VOLUME_SPIKE = "volume_spike"
    ALERT = "alert"
    FEED = "feed"
    CATCH_UP = "catch_up"


@dataclass(frozen=True, slots=True)
class Cover:
    """The prices from the message before up to this one; no price of a feed lies outside of every cover."""

    open: float
    high: float
    low: float
    last: float
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A price that went away from the one said last; ``reached`` is how far, ``last`` where it is now."""

    from_price: float
    reached: float
    last: float
    since_ms: int


@dataclass(frozen=True, slots=True)
class Closed:
    """A bar that closed, and how many closed since the message before."""

    bar: Bar
    bars_count: int = 1


@dataclass(frozen=True, slots=True)
class FeedNews:
    """A feed that was lost or is back; ``symbols_count`` more than one where an exchange took them all."""

    lost: bool
    since_ms: int
    lost_ms: int
    symbols_count: int = 1


@dataclass(frozen=True, slots=True)
class AlertNews:
    """An alert of a user's own that fired; ``sequence`` is its place in the record of firings.

    ``level`` is the price of a crossing; a percentage has ``percent`` and ``window_ms`` instead. ``late`` is
    True where it is told so long after it fired that its price is not that of now.
    """

    alert_id: int
    sequence: int
    kind: Literal["cross_above", "cross_below", "percent_in_window"]
    price: float
    event_time_ms: int
    level: str | None = None
    from_price: float | None = None
    percent: str | None = None
    window_ms: int | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Absence:
    """What happened while a listener was away.

    ``whole`` is False where the log could not vouch for every price, and the bars of history tell instead.
    ``lost_ms`` is how long the feed itself was away in that time. ``quiet`` when the listener may have been
    there for much of it, and nothing was to be heard. ``bar_ms`` is the open of the first bar that tells,
    where that lies well before the absence, or within it. Where only ``last`` is known, so is no more.
    """

    from_ms: int
    to_ms: int
    open: float | None = None
    high: float | None = None
    low: float | None = None
    last: float | None = None
    bars_closed: int = 0
    whole: bool = True
    lost_ms: int = 0
    quiet: bool = False
    bar_ms: int | None = None

    @property
    def cover(self) -> Cover | None:
        """Return the prices of that time, None where none is known."""
        if self.open is None or self.high is None or self.low is None or self.last is None:
            return None
        from_ms = self.from_ms if self.bar_ms is None else self.bar_ms
        return Cover(self.open, self.high, self.low, self.last, from_ms, self.to_ms)


Part = Closed | Moved | Extreme | Spike | FeedNews | AlertNews | Absence


@dataclass(frozen=True, slots=True)
class Announcement:
    """Say what happened; the first part is the reason, the others are said where there is room.

    ``conflated`` counts the updates of the feed that this one message stands for.
    """

    kind: Kind
    priority: Priority
    topic: Topic
    event_time_ms: int
    parts: tuple[Part, ...]
    cover: Cover | None = None
    conflated: int = 0


KINDS: dict[type, Kind] = {
    Closed: Kind.BAR_CLOSE,
    Moved: Kind.MOVE,
    Extreme: Kind.EXTREME,
    Spike: Kind.VOLUME_SPIKE,
    AlertNews: Kind.ALERT,
    FeedNews: Kind.FEED,
    Absence: Kind.CATCH_UP,
}


def side_of(price: float, other: float) -> Side:
    """Return on which side of another price a price lies."""
    return Side.HIGH if price >= other else Side.LOW
