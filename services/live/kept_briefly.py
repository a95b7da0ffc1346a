"""What many ask for at once: one reading for all of them, kept for a moment."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.single_flight import SingleFlight
from utils.clock import Clock

KEPT_MS = 1_000
READINGS_MAX = 1_000

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Reading(Generic[Result]):
    read_ms: int
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
        if kept is not None and self._clock.now_ms() - kept.read_ms < KEPT_MS:
            return kept.result
        return await self._flight.run(key, lambda: self._read_and_keep(key, read))

    async def close(self) -> None:
        """Stop what is still being read."""
        await self._flight.close()

    async def _read_and_keep(self, key: Hashable, read: Callable[[], Awaitable[Result]]) -> Result:
        # The time before the reading: the result is at least as new as it says.
        read_ms = self._clock.now_ms()
        result = await read()
        self._kept.pop(key, None)
        self._kept[key] = _Reading(read_ms, result)
        if len(self._kept) > READINGS_MAX:
            self._kept.popitem(last=False)
        return result
