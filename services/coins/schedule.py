"""When coins are listed, and how many calls of a provider that takes: arithmetic, and no clock of its own.

The first fifty every five minutes, the first two hundred every hour. In the minute in which the larger
run comes, and for five minutes after one that came late, the smaller one has nothing to add.
"""

from collections.abc import Callable
from dataclasses import dataclass

from utils.domain import HOUR_MS, MINUTE_MS


@dataclass(frozen=True, slots=True)
class ListingRun:
    """One kind of run: how many coins, how often, and the same in the words of cron, in UTC."""

    coins: int
    every_ms: int
    cron: str


FREQUENT = ListingRun(50, 5 * MINUTE_MS, "5-55/5 * * * *")
HOURLY = ListingRun(200, HOUR_MS, "0 * * * *")


def frequent_is_due(now_ms: int, hourly_ran_ms: int | None) -> bool:
    """Tell whether the frequent run has something to add to the hourly one; None for one that never ran."""
    return hourly_ran_ms is None or now_ms - hourly_ran_ms >= FREQUENT.every_ms


def calls_between(start_ms: int, end_ms: int, calls_for: Callable[[int], int]) -> int:
    """Return how many calls the runs take that begin at or after the start and before the end."""
    hours = _marks(start_ms, end_ms, HOURLY.every_ms)
    # Every hour is a mark of the frequent run too, and left to the hourly one.
    frequent = _marks(start_ms, end_ms, FREQUENT.every_ms) - hours
    return hours * calls_for(HOURLY.coins) + frequent * calls_for(FREQUENT.coins)


def _marks(start_ms: int, end_ms: int, every_ms: int) -> int:
    # How many multiples lie from the start up to, not including, the end.
    return max(-(-end_ms // every_ms) - -(-start_ms // every_ms), 0)
