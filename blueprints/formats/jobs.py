"""Jobs and their runs, as JSON shows them; pure."""

from collections.abc import Iterable
from typing import Any

from blueprints.formats.accounts import iso_time
from services.jobs.job import Job, JobTicket
from services.stores.job_attempts import JobAttempt
from services.stores.job_runs import JobRun

# From before runs had a state of their own; kept for whoever reads it.
OUTCOMES: dict[str, str | None] = {
    "queued": None,
    "running": None,
    "done": "done",
    "skipped": "done",
    "failed": "failed",
    "cancelled": "stopped",
    "lost": "stopped",
}


def format_run(run: JobRun) -> dict[str, Any]:
    """Return how a run is, without what it was given."""
    return {
        "id": run.job_run_id,
        "job": run.job,
        "state": run.state,
        "outcome": OUTCOMES[run.state],
        "planned_for": None if run.tick_ms is None else iso_time(run.tick_ms),
        "queued_at": iso_time(run.queued_ms),
        "started_at": iso_time(run.started_ms),
        "ended_at": None if run.ended_ms is None else iso_time(run.ended_ms),
        "duration_s": None if run.ended_ms is None else (run.ended_ms - run.started_ms) / 1_000,
        "attempt": run.attempt,
        "failures": run.failures,
        "losses": run.losses,
        "rows_changed": run.rows_changed,
        "progress": run.progress,
        "note": run.note,
        "error": run.error,
        "cancel_requested": run.cancel_requested,
    }


def format_attempt(attempt: JobAttempt) -> dict[str, Any]:
    """Return how one attempt at a run went."""
    return {
        "attempt": attempt.attempt,
        "worker": attempt.worker,
        "started_at": iso_time(attempt.started_ms),
        "ended_at": None if attempt.ended_ms is None else iso_time(attempt.ended_ms),
        "outcome": attempt.outcome,
        "error": attempt.error,
    }


def format_whole_run(run: JobRun, payload: Any, attempts: Iterable[JobAttempt]) -> dict[str, Any]:
    """Return a run with what it was given and every attempt at it."""
    return format_run(run) | {"payload": payload, "attempts": [format_attempt(each) for each in attempts]}


def format_job(job: Job, now_ms: int) -> dict[str, Any]:
    """Return what a job is for, and when it comes."""
    every = job.every
    next_ms = None if every is None else every.latest_ms(now_ms) + every.period_s * 1_000
    return {
        "name": job.name,
        "sentence": job.sentence,
        "every_s": None if every is None else every.period_s,
        "next_at": None if next_ms is None else iso_time(next_ms),
    }


def format_ticket(ticket: JobTicket) -> dict[str, Any]:
    """Return where the run that was ordered is to be found."""
    return {
        "id": ticket.run_id,
        "job": ticket.job,
        "state": ticket.state.value,
        "queued_at": iso_time(ticket.queued_ms),
        "already_running": ticket.already_running,
    }
