"""Who holds a connection open, and whether they still may: asked of the database every two seconds.

A request asks by itself; an open WebSocket would not. One question a worker, whatever the number of sockets.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.sessions import Sessions
from services.stores.losses import DATABASE_AWAY
from utils.accounts import Principal
from utils.clock import Clock
from utils.tasks import end_tasks, start_apart

# Together with the deadline of the question less than the five seconds that are promised.
LOOK_EVERY_S = 2.0
QUESTION_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


@dataclass(eq=False, frozen=True, slots=True)
class _Held:
    principal: Principal
    on_end: Callable[[], None]


class PrincipalWatch:
    """Tell connections when the session they were opened by is over, or its user has another role."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._held: set[_Held] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watched(self, principal: Principal, on_end: Callable[[], None]) -> Iterator[None]:
        """Call ``on_end`` once if the principal is no longer what it was while the block runs.

        While the database is away nobody knows, and nothing ends.
        """
        held = _Held(principal, on_end)
        self._held.add(held)
        if self._task is None or self._task.done():
            self._task = start_apart(self._look(), name="principal watch")
        try:
            yield
        finally:
            self._held.discard(held)

    @property
    def held(self) -> int:
        """Return how many connections are watched."""
        return len(self._held)

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            await end_tasks([self._task])

    async def _look(self) -> None:
        while self._held:
            await self._clock.sleep_s(LOOK_EVERY_S)
            try:
                async with asyncio.timeout(QUESTION_TIMEOUT_S):
                    await self._end_changed()
            except DATABASE_AWAY as error:
                log.warning("nobody knows whose session is over", extra={"error_type": type(error).__name__})

    async def _end_changed(self) -> None:
        looked_at = tuple(self._held)
        # One session may hold several connections, each opened with the role of its time.
        asked = {(held.principal.session_id, held.principal.role.value) for held in looked_at}
        changed = await self._sessions.changed(asked)
        for held in looked_at:
            if (held.principal.session_id, held.principal.role.value) in changed and held in self._held:
                self._held.discard(held)
                held.on_end()
