"""Ordering a job: a ticket, one run for one key, and nothing for a name that is not there."""

import asyncio

import asyncpg
import pytest

from services.jobs.job import Job, JobContext, RunState
from services.jobs.jobs import Jobs
from services.jobs.queue import queue_on
from utils.clock import Clock
from utils.errors import Conflict, NotFound


async def nothing(context: JobContext) -> None:
    pass


@pytest.fixture
def jobs(pool: asyncpg.Pool) -> Jobs:
    made = Jobs(pool=pool, clock=Clock())
    made.add([Job("sweep", "Sweeps the floor.", nothing), Job("count", "Counts the chairs.", nothing)])
    return made


async def test_an_order_has_a_run_and_a_place_in_the_queue(jobs: Jobs, pool: asyncpg.Pool) -> None:
    ticket = await jobs.enqueue("sweep", {"room": "hall"})
    run = await jobs.find(ticket.run_id)
    assert (run.job, run.state, run.payload) == ("sweep", "queued", '{"room": "hall"}')
    assert not ticket.already_running
    rows = await pool.fetch("SELECT entrypoint, payload, dedupe_key FROM job_queue.pgqueuer")
    assert [tuple(row) for row in rows] == [("sweep", str(ticket.run_id).encode(), f"run:{ticket.run_id}")]


async def test_of_many_who_order_the_same_at_once_one_adds_a_run(jobs: Jobs, pool: asyncpg.Pool) -> None:
    tickets = await asyncio.gather(*(jobs.enqueue("sweep", dedupe_key="hall") for _ in range(8)))
    assert len({ticket.run_id for ticket in tickets}) == 1
    assert [ticket.already_running for ticket in tickets].count(False) == 1
    assert await pool.fetchval("SELECT count(*) FROM job_queue.pgqueuer") == 1


async def test_other_work_is_another_run(jobs: Jobs) -> None:
    orders = [("sweep", {"room": "hall"}), ("sweep", {"room": "attic"}), ("count", {"room": "hall"})]
    tickets = [await jobs.enqueue(name, payload) for name, payload in orders]
    assert len({ticket.run_id for ticket in tickets}) == 3
    again = await jobs.enqueue("sweep", {"room": "attic"})
    assert (again.run_id, again.already_running) == (tickets[1].run_id, True)


async def test_a_job_that_is_not_there_is_named_with_what_was_probably_meant(jobs: Jobs) -> None:
    with pytest.raises(NotFound, match="Did you mean sweep") as caught:
        await jobs.enqueue("sweeep")
    assert caught.value.error_code == "unknown_job"


async def test_a_run_that_waits_is_cancelled_at_once_and_its_key_is_free(jobs: Jobs) -> None:
    first = await jobs.enqueue("sweep", dedupe_key="hall")
    assert (await jobs.cancel(first.run_id)).state == RunState.CANCELLED
    second = await jobs.enqueue("sweep", dedupe_key="hall")
    assert second.run_id != first.run_id
    with pytest.raises(Conflict) as caught:
        await jobs.cancel(first.run_id)
    assert caught.value.error_code == "job_ended"
    with pytest.raises(NotFound):
        await jobs.cancel(second.run_id + 1)


async def test_runs_are_asked_for_by_job_and_by_state(jobs: Jobs) -> None:
    swept = await jobs.enqueue("sweep")
    counted = await jobs.enqueue("count")
    await jobs.cancel(counted.run_id)

    async def ids(job: str | None, state: RunState | None, before: int | None = None) -> list[int]:
        runs = await jobs.runs(job=job, state=state, before_run_id=before, limit=10)
        return [run.job_run_id for run in runs]

    assert await ids(None, None) == [counted.run_id, swept.run_id]
    assert await ids("sweep", None) == [swept.run_id]
    assert await ids(None, RunState.CANCELLED) == [counted.run_id]
    assert await ids("sweep", RunState.CANCELLED) == []
    assert await ids(None, None, counted.run_id) == [swept.run_id]


async def test_the_tables_of_the_queue_are_what_the_library_wants(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        plan = await queue_on(connection).plan_upgrade()
    assert [*plan.statements] == []
