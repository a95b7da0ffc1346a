"""What a job is, when it is due, and what it is given when it runs; pure but for the progress it reports."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from utils.errors import AppError

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S

NO_PAYLOAD: Mapping[str, object] = MappingProxyType({})


class RunState(StrEnum):
    """Where a run is: it waits, it goes on, or how it ended.

    ``lost``: each of its attempts ended together with the worker that made it.
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


class JobSkipped(Exception):
    """Raised by a job that finds nothing to do; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class JobFailed(AppError):
    """Raised by a job that cannot do its work; it is tried again unless ``again`` is false."""

    code = "job_failed"
    title = "The job failed"

    def __init__(self, detail: str, *, again: bool = True, retry_after_s: float | None = None) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.again = again


@dataclass(frozen=True, slots=True)
class Every:
    """Plan a job at even times: ``Every(DAY_S, after_s=3 * HOUR_S)`` is daily at 03:00 UTC."""

    period_s: int
    after_s: int = 0

    def latest_ms(self, now_ms: int) -> int:
        """Return the newest planned time that has come."""
        period_ms, after_ms = self.period_s * 1_000, self.after_s * 1_000
        return (now_ms - after_ms) // period_ms * period_ms + after_ms

    def due_ms(self, last_ms: int | None, now_ms: int, *, at_most: int) -> Iterator[int]:
        """Yield the planned times after ``last_ms`` that have come, oldest first, the newest ``at_most``."""
        latest_ms, period_ms = self.latest_ms(now_ms), self.period_s * 1_000
        # Where nothing was ever planned, what lies before now is no downtime.
        first_ms = latest_ms if last_ms is None else self.latest_ms(last_ms) + period_ms
        first_ms = max(first_ms, latest_ms - (at_most - 1) * period_ms)
        yield from range(first_ms, latest_ms + 1, period_ms)

    def missed(self, last_ms: int | None, now_ms: int) -> int:
        """Return how many planned times lie between ``last_ms`` and the newest one that has come."""
        if last_ms is None:
            return 0
        return max((self.latest_ms(now_ms) - self.latest_ms(last_ms)) // (self.period_s * 1_000) - 1, 0)


@dataclass(slots=True)
class JobContext:
    """What a job is told when it runs, and where it tells how far it is.

    ``run_id`` is the same in every attempt at a run: what a job writes under it is written once. ``tick_ms``
    is the planned time, None when somebody asked for the run. A job that is cancelled, or that outlives its
    time, is ended by cancellation of its task; work that never awaits looks at ``cancel_requested``.
    """

    run_id: int
    job: str
    attempt: int
    payload: Mapping[str, object]
    tick_ms: int | None
    rows: int = 0
    progress: float = 0.0
    note: str = ""
    cancel_requested: bool = False

    def count(self, rows: int) -> None:
        """Add rows that were changed."""
        self.rows += rows

    async def report(self, progress: float, note: str = "") -> None:
        """Say how far the work is, from 0 to 1, and in a few words where; cheap to call often.

        It is written with the next heartbeat, within a few seconds. Work that is cancelled ends here.
        """
        self.progress = min(max(progress, 0.0), 1.0)
        self.note = note
        await asyncio.sleep(0)


JobWork = Callable[[JobContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Job:
    """Name a piece of work, and how it is done.

    ``time_limit_s`` ends one attempt. After a failure the next attempt comes in ``retry_first_s``, then in
    twice as long each time, up to ``retry_longest_s``, until ``attempts_max`` have failed. ``losses_max`` is
    how many workers may die over one run before nobody tries it any more. ``unless_just_ran`` names jobs that
    do this one's work too: a planned run within ``just_s`` of one of them is skipped. Of planned times that
    passed while nobody was there, ``catch_up`` are made up. A planned time that comes while a run of the same
    job is going on is skipped, unless it ``queues_up``. One that is not ``by_name`` needs a payload, and is
    ordered at an address of its own.
    """

    name: str
    sentence: str
    work: JobWork
    every: Every | None = None
    time_limit_s: float = 10 * MINUTE_S
    attempts_max: int = 3
    retry_first_s: float = 10.0
    retry_longest_s: float = 10 * MINUTE_S
    losses_max: int = 5
    unless_just_ran: tuple[str, ...] = ()
    just_s: float = 0.0
    catch_up: int = 1
    queues_up: bool = False
    by_name: bool = True

    def retry_in_s(self, failures: int, asked_s: float | None = None) -> float:
        """Return how long to wait after so many failures, and at least as long as was asked for."""
        grown_s = self.retry_first_s * 2.0 ** min(failures - 1, 30)
        return min(max(grown_s, asked_s or 0.0), max(self.retry_longest_s, asked_s or 0.0))


@dataclass(frozen=True, slots=True)
class JobTicket:
    """Answer an order: the run that will do it; ``already_running`` when the same was ordered before."""

    run_id: int
    job: str
    state: RunState
    queued_ms: int
    already_running: bool = False
