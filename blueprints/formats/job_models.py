"""What answers about jobs look like; pure."""

from typing import Annotated, Any, Literal

from pydantic import Field

from blueprints.formats.answer_model import AnswerModel, IsoTime, example

RUN = {
    "id": 12,
    "job": "backfill",
    "state": "done",
    "outcome": "done",
    "planned_for": "2026-11-21T12:00:00.000Z",
    "queued_at": "2026-11-21T12:00:00.120Z",
    "started_at": "2026-11-21T12:00:00.140Z",
    "ended_at": "2026-11-21T12:00:03.140Z",
    "duration_s": 3.0,
    "attempt": 1,
    "failures": 0,
    "losses": 0,
    "rows_changed": 240,
    "progress": 1.0,
    "note": "crypto:bitstamp:BTC/USD:1h",
    "error": None,
    "cancel_requested": False,
}
ATTEMPT = {
    "attempt": 1,
    "worker": "web-1:4711",
    "started_at": "2026-11-21T12:00:00.140Z",
    "ended_at": "2026-11-21T12:00:03.140Z",
    "outcome": "done",
    "error": None,
}
JOB = {
    "name": "backfill",
    "sentence": "Fetches the history that BACKFILL names.",
    "every_s": 900,
    "next_at": "2026-11-21T12:15:00.000Z",
}
State = Literal["queued", "running", "done", "skipped", "failed", "cancelled", "lost"]


class JobAnswer(AnswerModel):
    """A job: what it is for, and when it comes by itself."""

    model_config = example(JOB)

    name: str
    sentence: str
    every_s: Annotated[int | None, Field(description="Null for one that comes on order alone.")]
    next_at: IsoTime | None


class JobRunAnswer(AnswerModel):
    """One run of a job."""

    model_config = example(RUN)

    id: int
    job: str
    state: State
    outcome: Annotated[
        Literal["done", "failed", "stopped"] | None, Field(description="Null while it is open.")
    ]
    planned_for: Annotated[IsoTime | None, Field(description="Null for a run that somebody ordered.")]
    queued_at: IsoTime
    started_at: Annotated[IsoTime, Field(description="Of its first attempt; until then, when it was queued.")]
    ended_at: IsoTime | None
    duration_s: Annotated[float | None, Field(description="From the start to the end, with every wait.")]
    attempt: Annotated[int, Field(ge=0, description="The number of the newest attempt; 0 before the first.")]
    failures: Annotated[int, Field(ge=0, description="How many attempts have failed.")]
    losses: Annotated[int, Field(ge=0, description="How many attempts ended together with their worker.")]
    rows_changed: Annotated[int, Field(ge=0, description="By the newest attempt.")]
    progress: Annotated[float, Field(ge=0, le=1)]
    note: Annotated[str, Field(description="What the job says of how far it is.")]
    error: Annotated[str | None, Field(description="Why it did not succeed, or not yet, in a sentence.")]
    cancel_requested: bool


class JobAttemptAnswer(AnswerModel):
    """One attempt at a run."""

    model_config = example(ATTEMPT)

    attempt: int
    worker: Annotated[str, Field(description="The host and the process that made it.")]
    started_at: IsoTime
    ended_at: IsoTime | None
    outcome: Annotated[
        Literal["done", "skipped", "failed", "cancelled", "stopped", "lost"] | None,
        Field(description="Null while it goes on."),
    ]
    error: str | None


class WholeRunAnswer(JobRunAnswer):
    """One run of a job, with what it was given and each attempt at it."""

    model_config = example(RUN | {"payload": {}, "attempts": [ATTEMPT]})

    payload: dict[str, Any]
    attempts: list[JobAttemptAnswer]


class JobRunsPage(AnswerModel):
    """What the service did by itself or was asked to do, newest first, and what it can do."""

    model_config = example({"runs": [RUN], "next": None, "jobs": [JOB]})

    runs: list[JobRunAnswer]
    next: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]
    jobs: list[JobAnswer]


class JobTicketAnswer(AnswerModel):
    """Where the run that was ordered is to be found."""

    model_config = example(
        {
            "id": 12,
            "job": "backfill",
            "state": "queued",
            "queued_at": "2026-11-21T12:00:00.120Z",
            "already_running": False,
        }
    )

    id: int
    job: str
    state: State
    queued_at: IsoTime
    already_running: Annotated[bool, Field(description="Whether the same was ordered before and is open.")]
