"""What the service did by itself or was asked to do, as rows: one a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

RUN_COLUMNS = """
    job_run_id, job, state, attempt, failures, losses, rows_changed, progress, note, error, cancel_requested,
    payload::text AS payload,
    (date_part('epoch', queued_at) * 1000)::bigint AS queued_ms,
    (date_part('epoch', started_at) * 1000)::bigint AS started_ms,
    (date_part('epoch', ended_at) * 1000)::bigint AS ended_ms,
    (date_part('epoch', tick_at) * 1000)::bigint AS tick_ms
"""


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job; until its first attempt, ``started_ms`` is when it was queued."""

    job_run_id: int
    job: str
    state: str
    queued_ms: int
    started_ms: int
    ended_ms: int | None
    tick_ms: int | None
    attempt: int
    failures: int
    losses: int
    rows_changed: int
    progress: float
    note: str
    error: str | None
    cancel_requested: bool
    payload: str


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be; ``payload`` is JSON."""

    job: str
    payload: str = "{}"
    dedupe_key: str | None = None
    tick_ms: int | None = None


def read_run(row: asyncpg.Record) -> JobRun:
    """Return the run of a row that holds RUN_COLUMNS."""
    return JobRun(**dict(row))


async def insert_run(connection: asyncpg.Connection, run: NewRun, now_ms: int) -> JobRun | None:
    """Add a run that waits; None when its planned time has one, or one with its dedupe key is still open."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO job_run (job, state, payload, dedupe_key, queued_at, started_at, tick_at)
        VALUES (
            $1, 'queued', $2::jsonb, $3,
            to_timestamp($4::bigint / 1000.0), to_timestamp($4::bigint / 1000.0),
            to_timestamp($5::bigint / 1000.0)
        )
        ON CONFLICT DO NOTHING
        RETURNING {RUN_COLUMNS}
        """,  # noqa: S608 - the columns are a constant of this module
        run.job,
        run.payload,
        run.dedupe_key,
        now_ms,
        run.tick_ms,
    )
    return read_run(row) if row else None


async def insert_skipped_run(connection: asyncpg.Connection, run: NewRun, why: str, now_ms: int) -> None:
    """Note a planned time at which nothing was done; nothing happens when it has a run already."""
    await connection.execute(
        """
        INSERT INTO job_run (job, state, error, queued_at, started_at, ended_at, tick_at)
        VALUES (
            $1, 'skipped', $2,
            to_timestamp($3::bigint / 1000.0), to_timestamp($3::bigint / 1000.0),
            to_timestamp($3::bigint / 1000.0), to_timestamp($4::bigint / 1000.0)
        )
        ON CONFLICT DO NOTHING
        """,
        run.job,
        why,
        now_ms,
        run.tick_ms,
    )


async def select_open_run(connection: asyncpg.Connection, job: str, dedupe_key: str) -> JobRun | None:
    """Return the run that waits or goes on under this key."""
    # Served by job_run_open_dedupe_key.
    row = await connection.fetchrow(
        f"""
        SELECT {RUN_COLUMNS}
        FROM job_run
        WHERE job = $1 AND dedupe_key = $2 AND state IN ('queued', 'running')
        """,  # noqa: S608 - the columns are a constant of this module
        job,
        dedupe_key,
    )
    return read_run(row) if row else None


async def select_run(connection: asyncpg.Connection | asyncpg.Pool, job_run_id: int) -> JobRun | None:
    """Return one run."""
    row = await connection.fetchrow(
        f"SELECT {RUN_COLUMNS} FROM job_run WHERE job_run_id = $1",  # noqa: S608 - the same
        job_run_id,
    )
    return read_run(row) if row else None


async def select_runs(
    pool: asyncpg.Pool,
    *,
    job: str | None,
    state: str | None,
    skipped: bool = True,
    before_run_id: int | None,
    limit: int,
) -> list[JobRun]:
    """Return runs, the newest first, of one job or in one state, beginning before the given one."""
    # Served by the primary key, job_run_by_job or job_run_by_state.
    rows = await pool.fetch(
        f"""
        SELECT {RUN_COLUMNS}
        FROM job_run
        WHERE ($1::text IS NULL OR job = $1)
            AND ($2::text IS NULL OR state = $2)
            AND ($3::bigint IS NULL OR job_run_id < $3)
            AND ($4 OR state <> 'skipped')
        ORDER BY job_run_id DESC
        LIMIT $5
        """,  # noqa: S608 - the columns are a constant of this module
        job,
        state,
        before_run_id,
        skipped,
        limit,
    )
    return [read_run(row) for row in rows]


async def select_last_ticks(
    connection: asyncpg.Connection | asyncpg.Pool, jobs: Sequence[str], now_ms: int
) -> dict[str, int]:
    """Return the newest planned time of each job that has come and has a run.

    Runs of times that have not come were planned by a clock that was ahead.
    """
    # Served by job_run_tick, one look at its end for each job.
    rows = await connection.fetch(
        """
        SELECT name AS job, (date_part('epoch', newest.tick_at) * 1000)::bigint AS tick_ms
        FROM unnest($1::text[]) AS name
        CROSS JOIN LATERAL (
            SELECT tick_at
            FROM job_run
            WHERE job = name AND tick_at <= to_timestamp($2::bigint / 1000.0)
            ORDER BY tick_at DESC
            LIMIT 1
        ) AS newest
        """,
        list(jobs),
        now_ms,
    )
    return {row["job"]: row["tick_ms"] for row in rows}


async def update_cancel_requested(connection: asyncpg.Connection, job_run_id: int) -> None:
    """Ask whoever does a run, or takes it up, to end it."""
    await connection.execute(
        """
        UPDATE job_run
        SET cancel_requested = TRUE
        WHERE job_run_id = $1 AND state IN ('queued', 'running')
        """,
        job_run_id,
    )


async def delete_skipped_runs(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget runs that began before this time and did nothing."""
    # Served by job_run_started_at.
    await pool.execute(
        """
        DELETE FROM job_run
        WHERE started_at < to_timestamp($1::bigint / 1000.0) AND state = 'skipped'
        """,
        before_ms,
    )


async def delete_old_runs(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget what began before this time and has ended, with its attempts."""
    # Served by job_run_started_at.
    await pool.execute(
        """
        DELETE FROM job_run
        WHERE started_at < to_timestamp($1::bigint / 1000.0) AND ended_at IS NOT NULL
        """,
        before_ms,
    )
