"""Ordering jobs, asking how they go, and cancelling them; not running them, which is the runner's."""

from collections.abc import Iterable, Mapping

import asyncpg

from services.idempotency import Keep, keep_nothing
from services.jobs.job import NO_PAYLOAD, Job, JobTicket, RunState
from services.jobs.queue import put_in_queue
from services.jobs.tidying import Chore
from services.stores import audit, job_attempts, job_runs
from services.stores.job_attempts import JobAttempt
from services.stores.job_runs import JobRun, NewRun
from utils.accounts import Action, Caller, Principal
from utils.clock import Clock
from utils.errors import Conflict, NotFound, unknown
from utils.json_codec import encode_json

ACQUIRE_TIMEOUT_S = 2.0
QUEUE_LOG_KEPT_MS = 7 * 86_400_000
SKIPPED_KEPT_MS = 2 * 86_400_000
CANCELLED = "It was cancelled."
By = tuple[Principal, Caller]
ADVICE = "GET /api/v1/admin/jobs names them all."


class Jobs:
    """Hold the table of jobs, and the runs of them that all workers share."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._by_name: dict[str, Job] = {}

    @property
    def table(self) -> tuple[Job, ...]:
        """Return every job there is."""
        return tuple(self._by_name.values())

    def add(self, jobs: Iterable[Job]) -> None:
        """Put jobs into the table, before anything runs."""
        for job in jobs:
            assert job.name not in self._by_name, f"two jobs are called {job.name}"
            self._by_name[job.name] = job

    def job(self, name: str) -> Job:
        """Return a job by its name. Raises: NotFound that names near misses."""
        if name not in self._by_name:
            raise unknown("job", name, self._by_name, advice=ADVICE)
        return self._by_name[name]

    async def enqueue(
        self,
        name: str,
        payload: Mapping[str, object] = NO_PAYLOAD,
        *,
        dedupe_key: str | None = None,
        by: By | None = None,
        keep: Keep[JobTicket] = keep_nothing,
    ) -> JobTicket:
        """Order a run of a job and return its ticket; ``by`` is noted as who wanted it.

        While a run ordered under the same ``dedupe_key`` waits or goes on, its ticket is returned and nothing
        is added; without a key, the payload is the key.
        Raises: NotFound when there is no such job.
        """
        job = self.job(name)
        text = payload_text(payload)
        new = NewRun(job.name, text, text if dedupe_key is None else dedupe_key)
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            while True:
                async with connection.transaction():
                    run = await job_runs.insert_run(connection, new, self._clock.now_ms())
                    if run is not None:
                        await put_in_queue(connection, run.job, run.job_run_id)
                        await self._note(connection, Action.JOB_ORDERED, run, by)
                        ticket = _ticket(run)
                        await keep(connection, ticket)
                        return ticket
                assert new.dedupe_key is not None
                run = await job_runs.select_open_run(connection, new.job, new.dedupe_key)
                # None: it ended between the two statements, and its key is free again.
                if run is not None:
                    return _ticket(run, already_running=True)

    async def runs(
        self,
        *,
        job: str | None,
        state: RunState | None,
        skipped: bool = True,
        before_run_id: int | None,
        limit: int,
    ) -> list[JobRun]:
        """Return runs, the newest first: of one job, in one state, without those that were skipped."""
        return await job_runs.select_runs(
            self._pool, job=job, state=state, skipped=skipped, before_run_id=before_run_id, limit=limit
        )

    async def find(self, run_id: int) -> JobRun:
        """Return one run. Raises: NotFound."""
        run = await job_runs.select_run(self._pool, run_id)
        if run is None:
            raise _no_such_run(run_id)
        return run

    async def attempts(self, run_id: int) -> list[JobAttempt]:
        """Return the attempts at a run, in their order."""
        return await job_attempts.select_attempts(self._pool, run_id)

    async def cancel(self, run_id: int, *, by: By | None = None, keep: Keep[JobRun] = keep_nothing) -> JobRun:
        """End a run: at once when it waits, within a few seconds when it goes on; return it as it is now.

        ``by`` is noted as who wanted it.

        Raises: NotFound; Conflict when it has ended already.
        """
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            run = await job_attempts.lock_run(connection, run_id)
            if run is None:
                raise _no_such_run(run_id)
            if run.state not in (RunState.QUEUED, RunState.RUNNING):
                raise Conflict(f"Run {run_id} has ended already: it is {run.state}.", code="job_ended")
            await job_runs.update_cancel_requested(connection, run_id)
            await self._note(connection, Action.JOB_CANCELLED, run, by)
            if run.state == RunState.QUEUED:
                # Its row in the queue is taken out by whoever comes to it, and finds nothing left to do.
                await job_attempts.end_run(
                    connection, run_id, RunState.CANCELLED, CANCELLED, self._clock.now_ms()
                )
            run = await job_runs.select_run(connection, run_id)
            assert run is not None
            await keep(connection, run)
        return run

    def chores(self) -> tuple[Chore, ...]:
        """Return what forgets what was skipped, and what the queue noted, longer ago than anybody asks."""
        pool, now_ms = self._pool, self._clock.now_ms()
        return (
            # Not sooner: of a daily job, the run that was skipped yesterday says that yesterday was planned.
            Chore("skipped runs", lambda: job_runs.delete_skipped_runs(pool, now_ms - SKIPPED_KEPT_MS)),
            Chore("queue log", lambda: job_attempts.delete_old_queue_log(pool, now_ms - QUEUE_LOG_KEPT_MS)),
        )

    async def _note(self, connection: asyncpg.Connection, action: Action, run: JobRun, by: By | None) -> None:
        if by is None:
            return
        admin, caller = by
        await audit.insert_event(
            connection,
            action,
            caller,
            actor_user_id=admin.user_id,
            subject_user_id=None,
            detail=f"{run.job}, run {run.job_run_id}",
            now_ms=self._clock.now_ms(),
        )


def payload_text(payload: Mapping[str, object]) -> str:
    """Return a payload as JSON, the same text for the same payload."""
    return encode_json(dict(sorted(payload.items()))).decode()


def _ticket(run: JobRun, *, already_running: bool = False) -> JobTicket:
    return JobTicket(run.job_run_id, run.job, RunState(run.state), run.queued_ms, already_running)


def _no_such_run(run_id: int) -> NotFound:
    return NotFound(f"There is no run {run_id} of a job. Ask for the list of jobs.", code="unknown_run")
