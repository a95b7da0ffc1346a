"""What a log says of its final bars, in sixteen bytes a bar."""

from array import array
from bisect import bisect_left
from hashlib import blake2b

from services.live.log import encode_event
from utils.domain import Bar

MARK_BYTES = 8


class LoggedFinals:
    """Know which final bars a log holds and whether it says of them what a bar says; the newest ``kept``.

    A worker may feed a thousand topics. The bars themselves would take three hundred bytes each, and take
    hours to be as many as they ever will.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._opens_ms = array("q")
        self._marks = array("q")

    def __contains__(self, open_ms: int) -> bool:
        return self._place_of(open_ms)[1]

    @property
    def oldest_ms(self) -> int | None:
        """Return the open of the oldest bar, None when there is none."""
        return self._opens_ms[0] if self._opens_ms else None

    @property
    def newest_ms(self) -> int | None:
        """Return the open of the newest bar, None when there is none."""
        return self._opens_ms[-1] if self._opens_ms else None

    @property
    def is_full(self) -> bool:
        """Tell whether a newer bar takes the place of the oldest."""
        return len(self._opens_ms) == self._kept

    def says(self, bar: Bar) -> bool:
        """Tell whether the log holds just this version of the bar."""
        place, held = self._place_of(bar.open_time_ms)
        return held and self._marks[place] == _mark_of(bar)

    def note(self, bar: Bar) -> None:
        """Remember a bar as it was logged, in place of any earlier version of it."""
        place, held = self._place_of(bar.open_time_ms)
        if held:
            self._marks[place] = _mark_of(bar)
            return
        self._opens_ms.insert(place, bar.open_time_ms)
        self._marks.insert(place, _mark_of(bar))
        if len(self._opens_ms) > self._kept:
            del self._opens_ms[0], self._marks[0]

    def clear(self) -> None:
        """Forget every bar."""
        del self._opens_ms[:], self._marks[:]

    def _place_of(self, open_ms: int) -> tuple[int, bool]:
        place = bisect_left(self._opens_ms, open_ms)
        return place, place < len(self._opens_ms) and self._opens_ms[place] == open_ms


def _mark_of(bar: Bar) -> int:
    # Python's own hash takes a price of -1 for one of -2.
    digest = blake2b(encode_event(bar), digest_size=MARK_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True)
