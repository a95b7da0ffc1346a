"""What is of no use any more is forgotten in small pieces, and no kind of it keeps another."""

import contextlib
import logging
from collections.abc import AsyncIterator

import asyncpg
import pytest
from quart import Quart

from middleware.context import EXTENSION
from services.jobs.job import JobContext, JobFailed
from services.jobs.tidying import do_chores
from tests.services.conftest import PASSWORD, House
from utils.domain import DAY_MS

# What the time limit of a statement is on a small machine, as a number of rows.
ROWS_MAX = 5_000
LIMIT_ROWS = f"""
CREATE FUNCTION take_too_long() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM gone) > {ROWS_MAX} THEN
        RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = 'query_canceled';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER few_tokens AFTER DELETE ON refresh_token
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION take_too_long();
CREATE TRIGGER few_sessions AFTER DELETE ON session
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION take_too_long();
"""
ADD_SESSIONS = """
INSERT INTO session (session_id, user_id, created_at, last_used_at, expires_at)
SELECT gen_random_uuid(), user_id, at, at, at + interval '30 days'
FROM app_user, generate_series(1, $1::integer), to_timestamp($2::bigint / 1000.0) AS at
"""
ADD_TOKENS = """
INSERT INTO refresh_token (token_hash, session_id, created_at)
SELECT sha256(convert_to(session_id::text || number, 'UTF8')), session_id, created_at
FROM (SELECT * FROM session ORDER BY created_at LIMIT $1) AS old, generate_series(1, $2::integer) AS number
"""


@contextlib.asynccontextmanager
async def limited_rows(pool: asyncpg.Pool) -> AsyncIterator[None]:
    await pool.execute(LIMIT_ROWS)
    try:
        yield
    finally:
        await pool.execute("DROP FUNCTION take_too_long CASCADE")


async def counted(pool: asyncpg.Pool) -> tuple[int, int]:
    """Return how many sessions and refresh tokens there are."""
    row = await pool.fetchrow(
        "SELECT (SELECT count(*) FROM session) AS sessions, (SELECT count(*) FROM refresh_token) AS tokens"
    )
    return row["sessions"], row["tokens"]


@pytest.mark.parametrize(("sessions", "tokens"), [(12_000, 1), (3, 12_000)])
async def test_expired_sessions_are_forgotten_however_many_there_are(
    house: House, sessions: int, tokens: int
) -> None:
    pair = await house.auth.sign_in("Ada", PASSWORD)
    await house.pool.execute(ADD_SESSIONS, sessions, house.now_ms - 31 * DAY_MS)
    await house.pool.execute(ADD_TOKENS, 3, tokens)
    async with limited_rows(house.pool):
        await do_chores(house.admin.chores())
    assert await counted(house.pool) == (1, 1)
    assert await house.is_good(pair)


async def test_whoever_signs_in_does_not_wait_for_the_end_of_all_their_old_sessions(house: House) -> None:
    await house.pool.execute(ADD_SESSIONS, 12_000, house.now_ms - 31 * DAY_MS)
    await house.pool.execute(ADD_TOKENS, 1, 12_000)
    before = await counted(house.pool)
    async with limited_rows(house.pool):
        assert await house.is_good(await house.auth.sign_in("Ada", PASSWORD))
    assert await counted(house.pool) < before


async def test_what_cannot_be_forgotten_keeps_nothing_else_and_is_named(
    app: Quart, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    job = app.extensions[EXTENSION].jobs.job("tidy")
    await pool.execute(
        """
        INSERT INTO job_run (job, state, started_at, queued_at, ended_at)
        VALUES ('old', 'done', '2020-01-01', '2020-01-01', '2020-01-01');
        INSERT INTO audit_event (occurred_at, action, detail, address, request_id)
        VALUES ('2020-01-01', 'signed_in', '', '', '');
        INSERT INTO job_queue.pgqueuer_log (job_id, status, priority, entrypoint, created)
        VALUES (1, 'queued', 0, 'old', '2020-01-01');
        ALTER TABLE session RENAME TO hidden;
        ALTER TABLE socket_ticket RENAME TO hidden_too;
        """
    )
    try:
        with caplog.at_level(logging.WARNING), pytest.raises(JobFailed) as failed:
            await job.work(JobContext(1, "tidy", 1, {}, None))
    finally:
        await pool.execute(
            "ALTER TABLE hidden RENAME TO session; ALTER TABLE hidden_too RENAME TO socket_ticket"
        )
    assert failed.value.detail == (
        "Not everything could be forgotten: tickets, sessions. The log of the worker says why."
    )
    told = [record.kind for record in caplog.records if record.message == "not tidied"]
    assert told == ["tickets", "sessions"]
    for table in ("job_run", "audit_event", "job_queue.pgqueuer_log"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table


HOLD_SOME = """
SELECT session.session_id
FROM session
JOIN refresh_token USING (session_id)
ORDER BY session.created_at, session_id
LIMIT 1
FOR UPDATE OF {table}
"""


@pytest.mark.parametrize("table", ["session", "refresh_token"])
async def test_nobody_who_forgets_waits_for_what_another_holds(house: House, table: str) -> None:
    await house.pool.execute(ADD_SESSIONS, 3, house.now_ms - 31 * DAY_MS)
    await house.pool.execute(ADD_TOKENS, 3, 1)
    async with house.pool.acquire() as holder, holder.transaction():
        held = await holder.fetchval(HOLD_SOME.format(table=table))
        pair = await house.auth.sign_in("Ada", PASSWORD)
        await do_chores(house.admin.chores())
        assert await house.pool.fetchval("SELECT TRUE FROM session WHERE session_id = $1", held)
        assert (await counted(house.pool))[0] == 2
    await do_chores(house.admin.chores())
    assert await counted(house.pool) == (1, 1)
    assert await house.is_good(pair)
