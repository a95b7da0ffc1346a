"""What the service did by itself, as rows."""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job; the end and the outcome are None while it runs, or when its worker was killed."""

    job_run_id: int
    job: str
    started_ms: int
    ended_ms: int | None
    outcome: str | None


async def insert_run(connection: asyncpg.Connection, job: str, now_ms: int) -> int:
    """Begin a run and return its id; to be called by whoever alone may run this job.

    An earlier run that has no end was stopped together with its worker, and is told so now.
    """
    await connection.execute(
        """
        UPDATE job_run
        SET ended_at = to_timestamp($2::bigint / 1000.0), outcome = 'stopped'
        WHERE job = $1 AND ended_at IS NULL
        """,
        job,
        now_ms,
    )
    job_run_id: int = await connection.fetchval(
        """
        INSERT INTO job_run (job, started_at)
        VALUES ($1, to_timestamp($2::bigint / 1000.0))
        RETURNING job_run_id
        """,
        job,
        now_ms,
    )
    return job_run_id


async def end_run(connection: asyncpg.Connection, job_run_id: int, outcome: str, now_ms: int) -> None:
    """Say how a run ended: ``done``, ``failed`` or ``stopped``."""
    await connection.execute(
        """
        UPDATE job_run
        SET ended_at = to_timestamp($3::bigint / 1000.0), outcome = $2
        WHERE job_run_id = $1
        """,
        job_run_id,
        outcome,
        now_ms,
    )


async def select_runs(pool: asyncpg.Pool, *, before_run_id: int | None, limit: int) -> list[JobRun]:
    """Return runs, the newest first, beginning before the given one."""
    # Served by the primary key.
    rows = await pool.fetch(
        """
        SELECT
            job_run_id, job, outcome,
            (date_part('epoch', started_at) * 1000)::bigint AS started_ms,
            (date_part('epoch', ended_at) * 1000)::bigint AS ended_ms
        FROM job_run
        WHERE $1::bigint IS NULL OR job_run_id < $1
        ORDER BY job_run_id DESC
        LIMIT $2
        """,
        before_run_id,
        limit,
    )
    return [
        JobRun(row["job_run_id"], row["job"], row["started_ms"], row["ended_ms"], row["outcome"])
        for row in rows
    ]


async def delete_old_runs(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget what began before this time."""
    # Served by job_run_started_at.
    await pool.execute(
        """
        DELETE FROM job_run
        WHERE started_at < to_timestamp($1::bigint / 1000.0)
        """,
        before_ms,
    )
