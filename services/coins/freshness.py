"""Whose coins are listed, and when what is listed is too old to be called fresh. Pure.

What was fetched later than now was fetched by a clock that was ahead, and is as old as it lies ahead.
One provider is listed at a time, so that ranks, ids and figures of a list fit each other.
"""

from collections.abc import Sequence

from services.stores.coin_syncs import Sync
from utils.domain import HOUR_MS, MINUTE_MS

# Three runs of the job that comes every five minutes: one or two of them may fail without a word.
FRESH_MS = 15 * MINUTE_MS
# Coins below the first fifty are listed every hour; one run may fail.
COIN_FRESH_MS = 2 * HOUR_MS + FRESH_MS


def choose_sync(
    syncs: Sequence[Sync], preference: Sequence[str], *, now_ms: int, provider: str | None = None
) -> Sync | None:
    """Return the newest answer of the provider that is listed; None when there is none.

    That is the first provider, in order of preference, that has answered lately; when none has, the one that
    answered last. A ``provider`` that is named is the one.
    """
    if provider is not None:
        return next((sync for sync in syncs if sync.provider == provider), None)
    by_preference = sorted(syncs, key=lambda sync: _place(sync.provider, preference))
    fresh = (sync for sync in by_preference if not is_stale(sync.fetched_ms, now_ms))
    newest = min(by_preference, key=lambda sync: abs(now_ms - sync.fetched_ms), default=None)
    return next(fresh, newest)


def is_stale(fetched_ms: int, now_ms: int) -> bool:
    """Tell whether a list is older than it would be if its provider had answered."""
    return abs(now_ms - fetched_ms) > FRESH_MS


def coin_is_stale(fetched_ms: int, now_ms: int) -> bool:
    """Tell whether a coin is older than it would be if it were still listed."""
    return abs(now_ms - fetched_ms) > COIN_FRESH_MS


def _place(provider: str, preference: Sequence[str]) -> int:
    # One that the settings name no longer comes last.
    return preference.index(provider) if provider in preference else len(preference)
