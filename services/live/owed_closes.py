"""Closes that an exchange has yet to confirm: asked for when they are due, and until it has answered.

An exchange that cannot be asked is asked again for as long as that takes. Only a close that it answered about
and never confirmed is given up, and said so.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from utils.domain import Span, Timeframe
from utils.errors import UpstreamError

REREAD_EVERY_MS, REREAD_EVERY_MAX_MS = 3_000, 30_000
ANSWERS_MAX = 10
# As many bars as are asked for at once: a page of most exchanges.
BARS_AT_ONCE = 100
# More than these are left to history, and the session begins again with what it can still tell.
OWED_MAX = 500

log = logging.getLogger(__name__)


class ClosesLost(UpstreamError):
    """Say that an exchange has not confirmed closes for longer than they are kept."""


@dataclass(frozen=True, slots=True)
class _Owed:
    due_ms: int
    answers: int = 0


class OwedCloses:
    """Keep, by the open of its bar, when each close is due.

    ``reread`` asks the exchange for a span, stores and logs it, and tells whether it answered. ``has_final``
    tells whether the log holds the close of a bar.
    """

    def __init__(
        self,
        topic_text: str,
        timeframe: Timeframe,
        reread: Callable[[Span], Awaitable[bool]],
        has_final: Callable[[int], bool],
    ) -> None:
        self._topic_text = topic_text
        self._timeframe = timeframe
        self._reread = reread
        self._has_final = has_final
        self._owed: dict[int, _Owed] = {}
        self._rest_ms = REREAD_EVERY_MS
        self._rests_until_ms = 0

    def __contains__(self, open_ms: int) -> bool:
        return open_ms in self._owed

    def owe(self, open_ms: int, due_ms: int) -> None:
        """Ask for the close when it is due, whatever was agreed on before. Raises: ClosesLost."""
        self._owed[open_ms] = _Owed(due_ms)
        if len(self._owed) > OWED_MAX:
            raise ClosesLost(f"{OWED_MAX} bars wait for the exchange to confirm how they closed.")

    def owe_unless_owed(self, open_ms: int, due_ms: int) -> None:
        """Ask for the close when it is due, unless it is owed already. Raises: ClosesLost."""
        if open_ms not in self._owed:
            self.owe(open_ms, due_ms)

    def owes_before(self, open_ms: int) -> bool:
        """Tell whether the close of an earlier bar is owed."""
        return any(owed_ms < open_ms for owed_ms in self._owed)

    @property
    def due_ms(self) -> tuple[int, ...]:
        """Return when each close is due, or when the exchange is asked again."""
        return tuple(max(owed.due_ms, self._rests_until_ms) for owed in self._owed.values())

    def forgive(self) -> None:
        """Owe nothing any more."""
        self._owed.clear()

    async def pay(self, now_ms: int) -> None:
        """Ask for the closes that are due, as many as one question holds, the oldest first."""
        due = sorted(open_ms for open_ms, owed in self._owed.items() if owed.due_ms <= now_ms)
        if not due or now_ms < self._rests_until_ms:
            return
        end_ms = self._timeframe.shift(due[0], BARS_AT_ONCE)
        asked = [open_ms for open_ms in due if open_ms < end_ms]
        if not await self._reread(Span(asked[0], self._timeframe.next(asked[-1]))):
            self._rests_until_ms = now_ms + self._rest_ms
            self._rest_ms = min(2 * self._rest_ms, REREAD_EVERY_MAX_MS)
            return
        self._rest_ms = REREAD_EVERY_MS
        for open_ms in asked:
            self._settle(open_ms, now_ms)

    def _settle(self, open_ms: int, now_ms: int) -> None:
        owed = self._owed.get(open_ms)
        if owed is None:
            return
        if self._has_final(open_ms):
            del self._owed[open_ms]
        elif owed.answers >= ANSWERS_MAX:
            log.warning("close not confirmed", extra={"topic": self._topic_text, "open_ms": open_ms})
            del self._owed[open_ms]
        else:
            self._owed[open_ms] = replace(owed, due_ms=now_ms + REREAD_EVERY_MS, answers=owed.answers + 1)
