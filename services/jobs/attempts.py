"""One attempt at a run, from taking it to telling how it ended; exactly one worker makes it at a time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg

from services.jobs.job import Job, JobContext, JobFailed, JobSkipped, RunState
from services.jobs.pace import JobPace
from services.stores import job_attempts
from services.stores.job_attempts import AttemptKey, Footing
from services.stores.job_runs import JobRun
from services.stores.losses import DATABASE_AWAY
from utils import figures
from utils.clock import Clock
from utils.errors import AppError
from utils.json_codec import decode_json
from utils.tasks import end_tasks

ACQUIRE_TIMEOUT_S = 5.0
STOPPED = "The worker that did this was told to end. Another goes on with it."
LOST = "The worker that did this died. It is done again."
LOST_FOR_GOOD = "Workers died over this, one after the other, and nobody tries it any more."
CANCELLED = "It was cancelled."
NO_DATABASE = "The database did not answer. It is tried again."
UNEXPECTED = "Something unexpected went wrong; the log of the worker has it."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Again:
    """Say after how long a run is to be taken up again."""

    in_s: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: its outcome and a sentence; ``again`` where the run is not over with it."""

    outcome: str
    error: str | None = None
    again: Again | None = None


@dataclass(slots=True, eq=False)
class _Going:
    work: "asyncio.Task[None]"
    end: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: bool = False
    taken: bool = False
    timed_out: bool = False


@dataclass(slots=True)
class Attempts:
    """Make attempts on this worker."""

    pool: asyncpg.Pool
    clock: Clock
    pace: JobPace
    worker: str
    _going: set[_Going] = field(default_factory=set)

    async def make(self, job: Job, run_id: int) -> Again | None:
        """Attempt a run and note how it ended; return when it is to be taken up again, None when never."""
        context = await self._begin(job, run_id)
        if not isinstance(context, JobContext):
            return context
        started_s = self.clock.steady_s()
        ending = await self._work(job, context)
        if ending is None:
            log.warning("a job went on elsewhere", extra={"job": job.name, "run": run_id})
            return None
        again = await self._note(job, context, ending)
        duration_s = self.clock.steady_s() - started_s
        figures.JOB_RUNS.add(1, job.name, ending.outcome)
        figures.JOB_SECONDS.note(duration_s, job.name)
        log.info(
            "job ended",
            extra={
                "job": job.name,
                "run": run_id,
                "outcome": ending.outcome,
                "rows": context.rows,
                "duration_s": round(duration_s, 3),
                "reason": ending.error,
            },
        )
        return again

    def give_back(self) -> None:
        """End what goes on here; each run waits for its next attempt, by whichever worker comes first."""
        for going in self._going:
            going.stopped = True
            going.end.set()

    @contextlib.asynccontextmanager
    async def _change(self) -> AsyncIterator[asyncpg.Connection]:
        async with self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            yield connection

    async def _begin(self, job: Job, run_id: int) -> JobContext | Again | None:
        async with self._change() as connection:
            run = await job_attempts.lock_run(connection, run_id)
            if run is None or run.state not in (RunState.QUEUED, RunState.RUNNING):
                return None
            if run.state == RunState.RUNNING:
                if await job_attempts.select_alive(connection, run_id, self.pace.fresh_s):
                    return Again(self.pace.fresh_s)
                await self._bury(connection, run)
            state, sentence = await self._refusal(connection, job, run)
            if state is not None:
                await job_attempts.end_run(connection, run_id, state, sentence, self.clock.now_ms())
                return None
            attempt = await job_attempts.begin_attempt(connection, run_id, self.worker, self.clock.now_ms())
        payload = decode_json(run.payload.encode())
        return JobContext(run_id, job.name, attempt, payload, run.tick_ms)

    async def _bury(self, connection: asyncpg.Connection, run: JobRun) -> None:
        key = AttemptKey(run.job_run_id, run.attempt)
        log.warning("a worker died over a job", extra={"job": run.job, "run": run.job_run_id})
        figures.JOB_RUNS.add(1, run.job, "lost")
        await job_attempts.end_attempt(connection, key, "lost", LOST, self.clock.now_ms())
        await job_attempts.add_loss(connection, run.job_run_id)

    async def _refusal(
        self, connection: asyncpg.Connection, job: Job, run: JobRun
    ) -> tuple[RunState | None, str | None]:
        lost_now = run.state == RunState.RUNNING
        if run.losses + lost_now >= job.losses_max:
            return RunState.LOST, LOST_FOR_GOOD
        if run.cancel_requested:
            return RunState.CANCELLED, CANCELLED
        if job.unless_just_ran and run.tick_ms is not None and run.attempt == 0:
            now_ms = self.clock.now_ms()
            other = await job_attempts.select_just_ran(
                connection, job.unless_just_ran, since_ms=now_ms - round(job.just_s * 1_000), now_ms=now_ms
            )
            if other is not None:
                return RunState.SKIPPED, f"The job {other} has just done this, or is about to."
        return None, None

    async def _work(self, job: Job, context: JobContext) -> Ending | None:
        """Return how the work ended, None when another worker has taken the run."""
        going = _Going(asyncio.create_task(_start(job, context), name=f"job {job.name}"))
        watch = asyncio.create_task(self._watch(going, context), name=f"watch of job {job.name}")
        told = asyncio.create_task(going.end.wait(), name=f"end of job {job.name}")
        self._going.add(going)
        try:
            done, _ = await asyncio.wait(
                {going.work, told}, timeout=job.time_limit_s, return_when=asyncio.FIRST_COMPLETED
            )
            going.timed_out = not done
        finally:
            self._going.discard(going)
            # A driver may swallow a cancellation that comes together with an answer: it is sent again.
            await end_tasks([going.work, told, watch])
        return None if going.taken else self._ending(job, context, going)

    def _ending(self, job: Job, context: JobContext, going: _Going) -> Ending:
        if not going.work.cancelled():
            error = going.work.exception()
            if error is None:
                return Ending("done")
            return _ending_of(error, job, context)
        if context.cancel_requested:
            return Ending("cancelled", CANCELLED)
        if going.stopped:
            return Ending("stopped", STOPPED, Again(0.0))
        if going.timed_out:
            limit_s = job.time_limit_s
            return Ending("failed", f"It was not done within {limit_s:g} seconds.", Again(0.0))
        return Ending("failed", UNEXPECTED, Again(0.0))

    async def _watch(self, going: _Going, context: JobContext) -> None:
        """Say that the attempt goes on; end it when it is cancelled, or when it is not ours any more."""
        key = AttemptKey(context.run_id, context.attempt)
        heard_s = self.clock.steady_s()
        while True:
            await asyncio.sleep(self.pace.beat_every_s)
            footing = Footing(context.progress, context.note, context.rows)
            try:
                async with asyncio.timeout(self.pace.fresh_s):
                    cancel = await job_attempts.update_heartbeat(self.pool, key, footing)
            except DATABASE_AWAY as error:
                log.warning("a heartbeat was lost", extra={"job": context.job, "reason": str(error)})
                # Nobody hears of us: others will take us for dead, so we had better be.
                going.taken = self.clock.steady_s() - heard_s > self.pace.fresh_s
                if going.taken:
                    going.end.set()
                continue
            heard_s = self.clock.steady_s()
            going.taken = cancel is None
            context.cancel_requested = bool(cancel)
            if going.taken or cancel:
                going.end.set()

    async def _note(self, job: Job, context: JobContext, ending: Ending) -> Again | None:
        """Write how an attempt ended; return when the run is taken up again."""
        key = AttemptKey(context.run_id, context.attempt)
        now_ms = self.clock.now_ms()
        async with self._change() as connection:
            run = await job_attempts.lock_run(connection, key.run_id)
            if run is None or run.attempt != key.attempt or run.state != RunState.RUNNING:
                return None
            await job_attempts.end_attempt(connection, key, ending.outcome, ending.error, now_ms)
            footing = Footing(context.progress, context.note, context.rows)
            await job_attempts.update_heartbeat(connection, key, footing)
            failed = int(ending.outcome == "failed")
            failures = run.failures + failed
            if ending.again is None or failures >= job.attempts_max:
                outcome, error = ending.outcome, ending.error
                await job_attempts.end_run(connection, key.run_id, outcome, error, now_ms, failures=failed)
                return None
            await job_attempts.return_run(connection, key.run_id, ending.error, failures=failed)
        return Again(job.retry_in_s(failures, ending.again.in_s)) if failed else ending.again


async def _start(job: Job, context: JobContext) -> None:
    await job.work(context)


def _ending_of(error: BaseException, job: Job, context: JobContext) -> Ending:
    if isinstance(error, JobSkipped):
        return Ending("skipped", error.sentence)
    if isinstance(error, JobFailed) and not error.again:
        return Ending("failed", error.detail)
    if isinstance(error, AppError):
        return Ending("failed", error.detail, Again(error.retry_after_s or 0.0))
    if isinstance(error, DATABASE_AWAY):
        log.warning("job lost the database", extra={"job": job.name, "reason": str(error)})
        return Ending("failed", NO_DATABASE, Again(0.0))
    log.error("job failed", extra={"job": job.name, "run": context.run_id}, exc_info=error)
    return Ending("failed", UNEXPECTED, Again(0.0))
