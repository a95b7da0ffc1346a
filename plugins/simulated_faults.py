"""Faults of the simulated exchange: what they are, when they strike, and the line that commits them.

A fault harms the delivery of live updates or the answering of requests, never a value of history. Which
updates are struck follows from the seed and the second alone.

| fault     | what it does                                                                    |
|-----------|---------------------------------------------------------------------------------|
| late      | every 10th update or so arrives 2 to 5 seconds after its time                   |
| duplicate | every 10th or so arrives twice                                                  |
| dropped   | every 10th or so is never sent; a later request still finds it                  |
| reordered | every 10th or so arrives only after the update that follows it                  |
| stalled   | nothing is sent in 30 seconds of every 120, from the 45th on; it is not made up |
| error     | every 5th request and, about once a minute, every stream ends by UpstreamDown   |
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from plugins.fault_names import read_faults
from plugins.simulated_path import key_of

STRUCK_ONE_OF = 10
LATE_SHORTEST_S, LATE_LONGEST_S = 2, 5
STALL_EVERY_S, STALL_FROM_S, STALL_LENGTH_S = 120, 45, 30
ERROR_EVERY_REQUESTS = 5
STREAM_ERROR_ONE_OF_S = 60

Update = TypeVar("Update")


@dataclass(frozen=True, slots=True)
class SimulatedFaults:
    """Tell which faults are switched on."""

    late: bool = False
    duplicate: bool = False
    dropped: bool = False
    reordered: bool = False
    stalled: bool = False
    error: bool = False

    @classmethod
    def parse(cls, text: str) -> "SimulatedFaults":
        """Read ``late, dropped``; nothing means no faults.

        Raises: ValueError with a sentence that names what is unknown.
        """
        return read_faults(cls, "SIMULATED_FAULTS", text)


def stream_fails(key: int, after_s: int, until_s: int) -> bool:
    """Tell whether a stream ends in one of the seconds after the first and up to the second."""
    # A stretch as long as a minute fails anyway; looking further back would only cost time.
    first_s = max(after_s + 1, until_s - 10 * STREAM_ERROR_ONE_OF_S)
    return any(
        _strikes(key, "error", second, STREAM_ERROR_ONE_OF_S) for second in range(first_s, until_s + 1)
    )


class FaultyLine(Generic[Update]):
    """Carry the updates of one live stream as an unreliable exchange would."""

    def __init__(self, key: int) -> None:
        self._key = key
        self._late: list[tuple[int, Update]] = []
        self._overtaken: list[Update] = []

    def carry(
        self, updates: Iterable[tuple[int, Update]], *, now_s: int, faults: SimulatedFaults
    ) -> list[Update]:
        """Return what arrives now, in order of arrival, of updates given as (second, update)."""
        arrived: list[Update] = []
        for second, update in updates:
            arrived += self._sent(second, update, faults)
        arrived += [update for due_s, update in self._late if due_s <= now_s]
        self._late = [(due_s, update) for due_s, update in self._late if due_s > now_s]
        return arrived

    def _sent(self, second: int, update: Update, faults: SimulatedFaults) -> list[Update]:
        if faults.stalled and 0 <= second % STALL_EVERY_S - STALL_FROM_S < STALL_LENGTH_S:
            return []
        if faults.dropped and _strikes(self._key, "dropped", second):
            return []
        if faults.late and _strikes(self._key, "late", second):
            spread_s = LATE_LONGEST_S - LATE_SHORTEST_S + 1
            delay_s = LATE_SHORTEST_S + key_of(self._key, "delay", second) % spread_s
            self._late.append((second + delay_s, update))
            return []
        if faults.reordered and not self._overtaken and _strikes(self._key, "reordered", second):
            self._overtaken.append(update)
            return []
        sent = [update, update] if faults.duplicate and _strikes(self._key, "duplicate", second) else [update]
        sent += self._overtaken
        self._overtaken = []
        return sent


def _strikes(key: int, fault: str, second: int, one_of: int = STRUCK_ONE_OF) -> bool:
    return key_of(key, fault, second) % one_of == 0
