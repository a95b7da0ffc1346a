"""Attempts at a run: begun by a worker, kept alive by heartbeats, ended by it or by who finds it dead."""

from dataclasses import dataclass

import asyncpg

from services.stores.job_runs import RUN_COLUMNS, JobRun, read_run


@dataclass(frozen=True, slots=True)
class JobAttempt:
    """One attempt; the end and the outcome are None while it goes on."""

    attempt: int
    worker: str
    started_ms: int
    ended_ms: int | None
    outcome: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Name one attempt at one run."""

    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Footing:
    """How far an attempt is, as its worker last said."""

    progress: float
    note: str
    rows: int


async def lock_run(connection: asyncpg.Connection, run_id: int) -> JobRun | None:
    """Return a run, which nobody else changes before the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {RUN_COLUMNS} FROM job_run WHERE job_run_id = $1 FOR UPDATE",  # noqa: S608 - a constant
        run_id,
    )
    return read_run(row) if row else None


async def select_alive(connection: asyncpg.Connection, run_id: int, fresh_s: float) -> bool:
    """Return whether some worker has lately said that it does this run."""
    alive: bool = await connection.fetchval(
        """
        SELECT coalesce(
            bool_or(state = 'running' AND heartbeat_at > clock_timestamp() - make_interval(secs => $2)), FALSE
        )
        FROM job_run
        WHERE job_run_id = $1
        """,
        run_id,
        fresh_s,
    )
    return alive


async def begin_attempt(connection: asyncpg.Connection, run_id: int, worker: str, now_ms: int) -> int:
    """Begin the next attempt at a run that is locked, and return its number."""
    attempt: int = await connection.fetchval(
        """
        UPDATE job_run
        SET state = 'running',
            attempt = attempt + 1,
            started_at = CASE WHEN attempt = 0 THEN to_timestamp($2::bigint / 1000.0) ELSE started_at END,
            heartbeat_at = clock_timestamp(),
            progress = 0,
            note = ''
        WHERE job_run_id = $1
        RETURNING attempt
        """,
        run_id,
        now_ms,
    )
    await connection.execute(
        """
        INSERT INTO job_attempt (job_run_id, attempt, worker, started_at)
        VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0))
        """,
        run_id,
        attempt,
        worker,
        now_ms,
    )
    return attempt


async def update_heartbeat(
    connection: asyncpg.Connection | asyncpg.Pool, key: AttemptKey, footing: Footing
) -> bool | None:
    """Say that an attempt goes on; return whether it is to be cancelled, None when it is not ours now."""
    wanted: bool | None = await connection.fetchval(
        """
        UPDATE job_run
        SET heartbeat_at = clock_timestamp(),
            progress = $3,
            note = $4,
            rows_changed = $5
        WHERE job_run_id = $1 AND attempt = $2 AND state = 'running'
        RETURNING cancel_requested
        """,
        key.run_id,
        key.attempt,
        footing.progress,
        footing.note,
        footing.rows,
    )
    return wanted


async def end_attempt(
    connection: asyncpg.Connection, key: AttemptKey, outcome: str, error: str | None, now_ms: int
) -> None:
    """Say how an attempt ended; one that has ended stays as it is."""
    await connection.execute(
        """
        UPDATE job_attempt
        SET outcome = $3, error = $4, ended_at = to_timestamp($5::bigint / 1000.0)
        WHERE job_run_id = $1 AND attempt = $2 AND ended_at IS NULL
        """,
        key.run_id,
        key.attempt,
        outcome,
        error,
        now_ms,
    )


async def end_run(
    connection: asyncpg.Connection,
    run_id: int,
    state: str,
    error: str | None,
    now_ms: int,
    *,
    failures: int = 0,
) -> None:
    """Say how a run ended; to be called with the run locked."""
    await connection.execute(
        """
        UPDATE job_run
        SET state = $2,
            error = $3,
            ended_at = to_timestamp($4::bigint / 1000.0),
            progress = CASE WHEN $2 = 'done' THEN 1 ELSE progress END,
            failures = failures + $5
        WHERE job_run_id = $1
        """,
        run_id,
        state,
        error,
        now_ms,
        failures,
    )


async def return_run(
    connection: asyncpg.Connection, run_id: int, error: str | None, *, failures: int
) -> None:
    """Let a run wait for its next attempt; to be called with the run locked."""
    await connection.execute(
        """
        UPDATE job_run
        SET state = 'queued', error = $2, failures = failures + $3, heartbeat_at = NULL
        WHERE job_run_id = $1
        """,
        run_id,
        error,
        failures,
    )


async def add_loss(connection: asyncpg.Connection, run_id: int) -> None:
    """Count an attempt that ended together with its worker; to be called with the run locked."""
    await connection.execute("UPDATE job_run SET losses = losses + 1 WHERE job_run_id = $1", run_id)


async def select_attempts(pool: asyncpg.Pool, run_id: int) -> list[JobAttempt]:
    """Return the attempts at a run, in their order."""
    # Served by the primary key; a run has as many attempts as its job allows.
    rows = await pool.fetch(
        """
        SELECT
            attempt, worker, outcome, error,
            (date_part('epoch', started_at) * 1000)::bigint AS started_ms,
            (date_part('epoch', ended_at) * 1000)::bigint AS ended_ms
        FROM job_attempt
        WHERE job_run_id = $1
        ORDER BY attempt
        """,
        run_id,
    )
    return [JobAttempt(**dict(row)) for row in rows]


async def select_just_ran(
    connection: asyncpg.Connection, jobs: tuple[str, ...], *, since_ms: int, now_ms: int
) -> str | None:
    """Return which of these jobs waits, goes on, or has been done since.

    What ended after ``now_ms``, by more than two clocks are apart, was seen by one that was ahead.
    """
    # Served by job_run_by_job.
    job: str | None = await connection.fetchval(
        """
        SELECT job
        FROM job_run
        WHERE job = ANY($1::text[])
            AND (
                state IN ('queued', 'running')
                OR (
                    state = 'done'
                    AND ended_at BETWEEN to_timestamp($2::bigint / 1000.0)
                        AND to_timestamp($3::bigint / 1000.0) + INTERVAL '1 minute'
                )
            )
        ORDER BY job_run_id DESC
        LIMIT 1
        """,
        list(jobs),
        since_ms,
        now_ms,
    )
    return job


async def select_forgotten(pool: asyncpg.Pool, stale_s: float, limit: int) -> list[tuple[int, str]]:
    """Return the id and the job of runs that are open, that no worker does, and that the queue has lost."""
    # Served by job_run_open and pgqueuer_unique_dedupe_key.
    rows = await pool.fetch(
        """
        SELECT job_run_id, job
        FROM job_run
        WHERE state IN ('queued', 'running')
            AND (heartbeat_at IS NULL OR heartbeat_at < clock_timestamp() - make_interval(secs => $1))
            AND NOT EXISTS (
                SELECT FROM job_queue.pgqueuer AS waiting
                WHERE waiting.dedupe_key = 'run:' || job_run.job_run_id
                    AND waiting.status IN ('queued', 'picked')
            )
        ORDER BY job_run_id
        LIMIT $2
        """,
        stale_s,
        limit,
    )
    return [(row["job_run_id"], row["job"]) for row in rows]


async def delete_old_queue_log(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget what the queue noted before this time."""
    # Served by pgqueuer_log_created.
    await pool.execute(
        """
        DELETE FROM job_queue.pgqueuer_log
        WHERE created < to_timestamp($1::bigint / 1000.0)
        """,
        before_ms,
    )
