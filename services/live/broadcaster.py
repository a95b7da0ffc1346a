"""What is broadcast of the simulated market: which topics, how often, and how much of it so far.

The feed of a topic is the broadcaster: it runs while somebody listens. This says what such a feed may do.
"""

from dataclasses import dataclass, field

from utils.domain import Timeframe, Topic
from utils.errors import NotFound

MARKET = "simulated"
EVERYTHING = "*"
# Running bars of other markets are told at most this often; closes and corrections at once.
FORMING_EVERY_MS = 200


@dataclass(slots=True)
class BroadcastCounters:
    """Count entries of the log: written, overtaken by a newer version before their turn, or not writable."""

    sent: int = 0
    skipped: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """Say how often a feed tells its running bar, and where it counts."""

    forming_every_ms: int = FORMING_EVERY_MS
    counters: BroadcastCounters = field(default_factory=BroadcastCounters)


@dataclass(frozen=True, slots=True)
class BarBroadcaster:
    """Hold the settings of the simulated broadcaster and its counters; other markets are let alone.

    ``symbols`` and ``resolutions`` name what may be broadcast; None is everything.
    """

    enabled: bool
    interval_s: int
    symbols: frozenset[str] | None
    resolutions: frozenset[Timeframe] | None
    counters: BroadcastCounters = field(default_factory=BroadcastCounters)

    @classmethod
    def parse(
        cls, *, enabled: bool, interval_s: int, symbols: tuple[str, ...], resolutions: tuple[str, ...]
    ) -> "BarBroadcaster":
        """Read the settings; a star is everything. Raises: ValueError when a resolution is none."""
        return cls(
            enabled,
            interval_s,
            None if EVERYTHING in symbols else frozenset(symbols),
            None if EVERYTHING in resolutions else frozenset(Timeframe.parse(text) for text in resolutions),
        )

    def check(self, topic: Topic) -> None:
        """Raise NotFound that says what is broadcast when this topic is not."""
        if topic.instrument.market != MARKET:
            return
        if not self.enabled:
            detail = (
                "Live bars of the simulated market are switched off. Ask /market/fetch_ohlcv for history."
            )
            raise NotFound(detail, code="not_broadcast")
        if self.symbols is not None and topic.instrument.symbol not in self.symbols:
            raise _not_broadcast(topic.instrument.symbol, sorted(self.symbols))
        if self.resolutions is not None and topic.timeframe not in self.resolutions:
            ordered = sorted(self.resolutions, key=lambda each: each.approximate_ms)
            raise _not_broadcast(topic.timeframe.text, [each.text for each in ordered])

    def pace_of(self, topic: Topic) -> Pace:
        """Return how often the feed of a topic tells its running bar, and where it counts."""
        if topic.instrument.market != MARKET:
            return Pace()
        return Pace(self.interval_s * 1_000, self.counters)


def _not_broadcast(what: str, offered: list[str]) -> NotFound:
    advice = f"Subscribe to one of {', '.join(offered)}" if offered else "Nothing is"
    detail = f"{what} of the simulated market is not broadcast live. {advice}."
    return NotFound(detail, code="not_broadcast")
