"""How much of the last minute was spoken through, and from when on there is room for more; pure."""

from collections import deque
from dataclasses import dataclass, replace

from services.announcing.announcement import Priority

WINDOW_MS = 60_000
ROUTINE_MAX = 6
TOTAL_MAX = 12
# What need not be heard at once leaves room for what must.
RESERVED_FOR_CRITICAL = 3
OCCUPIED_MAX = 0.4


@dataclass(frozen=True, slots=True)
class _Said:
    time_ms: int
    priority: Priority
    speech_ms: int


class AirTime:
    """Remember what one listener was told in the last minute."""

    def __init__(self) -> None:
        self._said: deque[_Said] = deque()
        self.silent_from_ms = 0

    def say(self, priority: Priority, speech_s: float, now_ms: int) -> None:
        """Note a message that goes out now."""
        self._forget(now_ms)
        speech_ms = round(speech_s * 1_000)
        self._said.append(_Said(now_ms, priority, speech_ms))
        # What is said while another message is being spoken waits for its end.
        self.silent_from_ms = max(self.silent_from_ms, now_ms) + speech_ms

    def turn_back(self, back_ms: int) -> None:
        """Go by a clock that was set back by so much: what was said is as long ago as before."""
        self._said = deque(replace(said, time_ms=said.time_ms - back_ms) for said in self._said)
        self.silent_from_ms -= back_ms

    def full(self, now_ms: int) -> bool:
        """Tell whether as much was said in the last minute as may be, whatever its priority."""
        self._forget(now_ms)
        return len(self._said) >= TOTAL_MAX

    def free_ms(self, priority: Priority, speech_s: float, now_ms: int) -> int:
        """Return from when on a message that may wait has room: now, or when enough is a minute old."""
        self._forget(now_ms)
        free_ms = max(now_ms, self.silent_from_ms)
        if priority is Priority.ROUTINE:
            routine = [said.time_ms for said in self._said if said.priority is Priority.ROUTINE]
            free_ms = max(free_ms, _expiry_ms(routine, ROUTINE_MAX))
        times = [said.time_ms for said in self._said]
        free_ms = max(free_ms, _expiry_ms(times, TOTAL_MAX - RESERVED_FOR_CRITICAL))
        occupied_ms = sum(said.speech_ms for said in self._said) + round(speech_s * 1_000)
        for said in self._said:
            if occupied_ms <= WINDOW_MS * OCCUPIED_MAX:
                break
            occupied_ms -= said.speech_ms
            free_ms = max(free_ms, said.time_ms + WINDOW_MS + 1)
        return free_ms

    def _forget(self, now_ms: int) -> None:
        while self._said and self._said[0].time_ms < now_ms - WINDOW_MS:
            self._said.popleft()


def _expiry_ms(times: list[int], most: int) -> int:
    return times[-most] + WINDOW_MS + 1 if len(times) >= most else 0
