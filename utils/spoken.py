"""Small facts as a person says them, for sentences in errors."""

import math
from datetime import UTC, datetime


def spoken_wait(wait_s: float) -> str:
    """Return a waiting time in whole words, rounded up: ``1 second``, ``7 seconds``, ``2 minutes``."""
    count, unit = (
        (max(1, math.ceil(wait_s)), "second") if wait_s < 100 else (math.ceil(wait_s / 60), "minute")
    )
    return counted(count, unit)


def counted(count: int, one: str, many: str = "") -> str:
    """Return how many there are: ``1 bar``, ``1,234 bars``; ``many`` is for where an s is too little."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def utc_text(time_ms: int) -> str:
    """Return a time as people read it: ``2024-01-31 05:00 UTC``; seconds only where there are any."""
    moment = datetime.fromtimestamp(time_ms / 1_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC".replace(":00 UTC", " UTC")
