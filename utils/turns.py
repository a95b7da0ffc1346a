"""Turns on an event loop: who has come later goes on when those who were there have had theirs."""

import asyncio
import time

# A round of the loop in which nothing else was due takes less.
QUICK_S = 0.000_3
# Who has just come in has something to do in one of the next.
QUICK_ROUNDS = 5
# However busy the loop is, so often somebody is let in.
PATIENCE_S = 0.02


class Turnstile:
    """Let one after the other go on, in the order in which they came."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._lock = asyncio.Lock()

    async def go_through(self) -> None:
        """Wait until everybody who came before has gone on and the loop comes round quickly."""
        async with self._lock:
            await others_first(self._patience_s)


async def others_first(patience_s: float = PATIENCE_S) -> None:
    """Wait until the loop comes round quickly, which says that nobody else is due; no longer than this."""
    # The loop's own clock stands still for a whole round.
    began_s = ended_s = time.perf_counter()
    quick = 0
    while quick < QUICK_ROUNDS and ended_s - began_s < patience_s:
        await asyncio.sleep(0)
        round_s, ended_s = ended_s, time.perf_counter()
        quick = quick + 1 if ended_s - round_s < QUICK_S else 0
