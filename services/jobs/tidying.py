"""Forgetting what is of no use any more: many kinds of it, and none keeps another."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from services.jobs.job import JobFailed
from services.stores.losses import DATABASE_AWAY

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Name a kind of what is forgotten, and how that is done."""

    kind: str
    forget: Callable[[], Awaitable[None]]


async def do_chores(chores: Iterable[Chore]) -> None:
    """Do all of them, in their order. Raises: JobFailed that names those that could not be done."""
    failed = []
    for chore in chores:
        try:
            await chore.forget()
        except DATABASE_AWAY as error:
            log.warning("not tidied", extra={"kind": chore.kind, "reason": str(error)})
            failed.append(chore.kind)
    if failed:
        kinds = ", ".join(failed)
        raise JobFailed(f"Not everything could be forgotten: {kinds}. The log of the worker says why.")
