"""How often coins are listed, and how many calls of a provider that takes: arithmetic.

The first fifty every five minutes, the first two hundred every hour; the larger run does the work of the
smaller one that falls together with it. When jobs really run is not decided here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from utils.domain import HOUR_MS, MINUTE_MS


@dataclass(frozen=True, slots=True)
class ListingRun:
    """One kind of run: how many coins, and how often."""

    coins: int
    every_ms: int


FREQUENT = ListingRun(50, 5 * MINUTE_MS)
HOURLY = ListingRun(200, HOUR_MS)


def calls_between(start_ms: int, end_ms: int, calls_for: Callable[[int], int]) -> int:
    """Return how many calls the runs take that begin at or after the start and before the end."""
    hours = _marks(start_ms, end_ms, HOURLY.every_ms)
    # Every hour is a mark of the frequent run too, and left to the hourly one.
    frequent = _marks(start_ms, end_ms, FREQUENT.every_ms) - hours
    return hours * calls_for(HOURLY.coins) + frequent * calls_for(FREQUENT.coins)


def _marks(start_ms: int, end_ms: int, every_ms: int) -> int:
    # How many multiples lie from the start up to, not including, the end.
    return max(-(-end_ms // every_ms) - -(-start_ms // every_ms), 0)
