"""The pace at which one exchange may be asked, by the cost it puts on each call."""

import asyncio

from utils.errors import UpstreamBusy

# Beyond this a caller is better told at once than kept waiting.
WAIT_MAX_S = 3.0


class Pace:
    """Space calls so that costs add up evenly over time.

    ccxt's own queue knows no deadline, and a caller who gave up still holds a place in it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._free_s = 0.0

    async def wait(self, cost_s: float) -> None:
        """Wait for a call's turn; ``cost_s`` is how long the exchange wants to be left alone after it.

        Raises: UpstreamBusy when the turn is too far away.
        """
        now_s = asyncio.get_running_loop().time()
        start_s = max(now_s, self._free_s)
        if start_s - now_s > WAIT_MAX_S:
            raise UpstreamBusy(
                f"{self._name} is being asked too much. Try again in a few seconds.",
                retry_after_s=round(start_s - now_s, 1),
            )
        self._free_s = start_s + cost_s
        await asyncio.sleep(start_s - now_s)
