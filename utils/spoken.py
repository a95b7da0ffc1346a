"""Small facts as a person says them, for sentences in errors."""

import math


def spoken_wait(wait_s: float) -> str:
    """Return a waiting time in whole words, rounded up: ``1 second``, ``7 seconds``, ``2 minutes``."""
    count, unit = (
        (max(1, math.ceil(wait_s)), "second") if wait_s < 100 else (math.ceil(wait_s / 60), "minute")
    )
    return f"{count} {unit}" + ("" if count == 1 else "s")
