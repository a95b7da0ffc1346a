"""One call for however many ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from utils.tasks import end_tasks
from utils.waiting import somebody_waits

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Run at most one call per key at a time and give its outcome to everyone who asked meanwhile.

    The call belongs to the flight, not to the first asker: when an asker is cancelled, the others still get
    their answer. The call waits for the database no longer than a request would: one may join it.
    Nothing is kept afterwards, so an error reaches those who waited for it and nobody else.

    It goes on in the name of the first asker, whose request id stands in its lines and whose span is above
    what it asks the database; and so it keeps that request until its deadline, and no longer.
    """

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Result]] = {}

    def busy(self, key: Hashable) -> bool:
        """Tell whether a call for the key is under way."""
        return key in self._tasks

    async def run(self, key: Hashable, call: Callable[[], Awaitable[Result]]) -> Result:
        """Return the outcome of the running call for the key, or of a new one.

        The call needs a deadline of its own: it goes on when every asker has left.
        """
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(self._call(call))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel what still runs, and wait for it."""
        await end_tasks(self._tasks.values())

    async def _call(self, call: Callable[[], Awaitable[Result]]) -> Result:
        # Whoever began it: a request may come and wait for it as well.
        with somebody_waits():
            return await call()

    def _forget(self, key: Hashable, task: "asyncio.Task[Result]") -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            # Marks the exception as seen: when every asker has left, nobody else would.
            task.exception()
