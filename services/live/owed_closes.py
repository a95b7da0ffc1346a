"""Closes that an exchange has yet to confirm: asked for when they are due, again, and at last given up."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

REREAD_EVERY_MS = 3_000
REREAD_TRIES = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Owed:
    due_ms: int
    tries: int = 0


class OwedCloses:
    """Keep, by the open of its bar, when each close is due; ``reread`` tells whether one is settled."""

    def __init__(self, topic_text: str, reread: Callable[[int], Awaitable[bool]]) -> None:
        self._topic_text = topic_text
        self._reread = reread
        self._owed: dict[int, _Owed] = {}

    def __contains__(self, open_ms: int) -> bool:
        return open_ms in self._owed

    def owe(self, open_ms: int, due_ms: int) -> None:
        """Ask for the close when it is due, whatever was agreed on before."""
        self._owed[open_ms] = _Owed(due_ms)

    def owe_unless_owed(self, open_ms: int, due_ms: int) -> None:
        """Ask for the close when it is due, unless it is owed already."""
        self._owed.setdefault(open_ms, _Owed(due_ms))

    def owes_before(self, open_ms: int) -> bool:
        """Tell whether the close of an earlier bar is owed."""
        return any(owed_ms < open_ms for owed_ms in self._owed)

    @property
    def due_ms(self) -> tuple[int, ...]:
        """Return when each close is due."""
        return tuple(owed.due_ms for owed in self._owed.values())

    def forgive(self) -> None:
        """Owe nothing any more."""
        self._owed.clear()

    async def pay(self, now_ms: int) -> None:
        """Ask for every close that is due."""
        for open_ms, owed in list(self._owed.items()):
            if owed.due_ms > now_ms:
                continue
            if await self._reread(open_ms):
                del self._owed[open_ms]
            elif owed.tries >= REREAD_TRIES:
                log.warning("close not confirmed", extra={"topic": self._topic_text, "open_ms": open_ms})
                del self._owed[open_ms]
            else:
                self._owed[open_ms] = _Owed(now_ms + REREAD_EVERY_MS, owed.tries + 1)
