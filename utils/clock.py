"""Time as a value that is passed in, so that no service reads the machine's clock on its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


def _system_now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Tell UTC milliseconds and wait; tests pass their own functions.

    ``steady_s`` is for lengths of time: it never steps when somebody sets the machine's clock.
    """

    now_ms: Callable[[], int] = _system_now_ms
    sleep_s: Callable[[float], Awaitable[None]] = asyncio.sleep
    steady_s: Callable[[], float] = time.monotonic
