"""What many ask for at once: one reading for all of them, kept for a moment."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.single_flight import SingleFlight
from utils.clock import Clock

KEPT_S = 1.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Reading(Generic[Result]):
    read_s: float
    result: Result


class KeptBriefly(Generic[Result]):
    """Read the same thing at most once a second, whoever asks; an error is kept for nobody."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flight: SingleFlight[Result] = SingleFlight()
        self._kept: OrderedDict[Hashable, _Reading[Result]] = OrderedDict()

    async def get(self, key: Hashable, read: Callable[[], Awaitable[Result]]) -> Result:
        """Return what was read within the last second, or what ``read`` returns. Raises what it raises."""
        kept = self._kept.get(key)
        if kept is not None and self._clock.steady_s() - kept.read_s < KEPT_S:
            return kept.result
        return await self._flight.run(key, lambda: self._read_and_keep(key, read))

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._flight.close()

    async def _read_and_keep(self, key: Hashable, read: Callable[[], Awaitable[Result]]) -> Result:
        # The time before the reading: the result is at least as new as it says.
        read_s = self._clock.steady_s()
        result = await read()
        self._kept.pop(key, None)
        self._kept[key] = _Reading(read_s, result)
        self._forget_old()
        return result

    def _forget_old(self) -> None:
        # Most keys are asked for once: a position, a span. The oldest comes first, or nearly so.
        now_s = self._clock.steady_s()
        while self._kept and now_s - next(iter(self._kept.values())).read_s >= KEPT_S:
            self._kept.popitem(last=False)
