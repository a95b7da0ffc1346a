"""Ending tasks for certain, and waiting no longer than is said."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")

CANCEL_EVERY_S = 1.0
END_TIMEOUT_S = 5.0


def start_apart(work: Coroutine[Any, Any, Result], name: str) -> "asyncio.Task[Result]":
    """Start what goes on for everybody, so that it does not belong to the call that happened to begin it.

    A task takes over its beginner's context: the id of a request would stand in all its lines, and the
    request itself would be kept as long as it runs.
    """
    return asyncio.create_task(work, name=name, context=contextvars.Context())


async def wait_at_most(event: asyncio.Event, timeout_s: float) -> None:
    """Wait until the event is set, or for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()


async def heed_cancellation(call: Awaitable[Result]) -> Result:
    """Await a call of a library that may swallow a cancellation, and raise what it swallowed.

    redis-py 8.1 does: a cancellation that arrives together with an answer is lost, and the task runs on.
    """
    result = await call
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return result


async def end_tasks(tasks: Iterable["asyncio.Task[Any]"], timeout_s: float = END_TIMEOUT_S) -> None:
    """Cancel the tasks, again and again where a cancellation is swallowed, until all have ended.

    Raises: TimeoutError when a task outlives the deadline.
    """
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        if not task.cancelling():
            task.cancel()
    async with asyncio.timeout(timeout_s):
        while pending:
            # Long enough for a transaction to be rolled back: a second cancellation would interrupt that.
            _, pending = await asyncio.wait(pending, timeout=CANCEL_EVERY_S)
            for task in pending:
                task.cancel()
