"""Runs are done, fail, are tried again, cancelled, given back and taken over; each of it is written down."""

import asyncio
import contextlib
import logging
from dataclasses import replace

import asyncpg
import pytest

from app_extensions.db_pool import open_queue_connection
from services.jobs.job import Job, JobContext, JobFailed, JobSkipped, RunState
from tests.jobs import conftest as jobs_conftest
from tests.jobs.conftest import DEADLINE_S, PACE, JobHouse, eventually
from utils.errors import UpstreamDown

QUICK = {"retry_first_s": 0.05, "retry_longest_s": 0.2}


async def test_a_run_tells_what_it_changed_and_how_far_it_came(job_house: JobHouse) -> None:
    halfway, go_on = asyncio.Event(), asyncio.Event()

    async def count(context: JobContext) -> None:
        context.count(3)
        await context.report(0.5, f"room {context.payload['room']}")
        halfway.set()
        await go_on.wait()
        context.count(4)

    job_house.add(Job("count", "Counts the chairs.", count))
    job_house.worker()
    ticket = await job_house.jobs.enqueue("count", {"room": "hall"})
    async with asyncio.timeout(DEADLINE_S):
        await halfway.wait()
    run = await job_house.until(ticket.run_id, lambda run: run.progress == 0.5)
    assert (run.state, run.note, run.rows_changed, run.attempt) == ("running", "room hall", 3, 1)
    go_on.set()
    run = await job_house.ended(ticket.run_id)
    assert (run.state, run.rows_changed, run.progress, run.error) == ("done", 7, 1.0, None)
    assert await job_house.outcomes(ticket.run_id) == ["done"]


async def test_a_failure_is_tried_again_until_it_was_tried_often_enough(job_house: JobHouse) -> None:
    tries: list[int] = []

    async def fall(context: JobContext) -> None:
        tries.append(context.attempt)
        raise UpstreamDown("The exchange is away. Try later.")

    job_house.add(Job("fall", "Falls.", fall, attempts_max=3, **QUICK))
    job_house.worker()
    run = await job_house.ended((await job_house.jobs.enqueue("fall")).run_id)
    assert (run.state, run.failures, run.error) == ("failed", 3, "The exchange is away. Try later.")
    assert tries == [1, 2, 3]
    assert await job_house.outcomes(run.job_run_id) == ["failed"] * 3


async def test_a_second_attempt_may_succeed(job_house: JobHouse) -> None:
    async def stumble(context: JobContext) -> None:
        if context.attempt == 1:
            raise UpstreamDown("Not now.")

    job_house.add(Job("stumble", "Stumbles.", stumble, **QUICK))
    job_house.worker()
    run = await job_house.ended((await job_house.jobs.enqueue("stumble")).run_id)
    assert (run.state, run.error) == ("done", None)
    assert await job_house.outcomes(run.job_run_id) == ["failed", "done"]


async def test_what_cannot_succeed_is_not_tried_again(job_house: JobHouse) -> None:
    async def refuse(_: JobContext) -> None:
        raise JobFailed("There is no such room.", again=False)

    async def find_nothing(_: JobContext) -> None:
        raise JobSkipped("The room was clean.")

    job_house.add(Job("refuse", "Refuses.", refuse), Job("skip", "Skips.", find_nothing))
    job_house.worker()
    refused = await job_house.ended((await job_house.jobs.enqueue("refuse")).run_id)
    assert (refused.state, refused.attempt, refused.error) == ("failed", 1, "There is no such room.")
    skipped = await job_house.ended((await job_house.jobs.enqueue("skip")).run_id)
    assert (skipped.state, skipped.error) == ("skipped", "The room was clean.")


async def test_a_mistake_is_logged_with_its_stack_and_told_without(
    job_house: JobHouse, caplog: pytest.LogCaptureFixture
) -> None:
    async def err(_: JobContext) -> None:
        raise KeyError("a secret")

    job_house.add(Job("err", "Errs.", err, attempts_max=1))
    with caplog.at_level(logging.ERROR, "services.jobs"):
        job_house.worker()
        run = await job_house.ended((await job_house.jobs.enqueue("err")).run_id)
    assert run.error is not None
    assert "secret" not in run.error
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [KeyError]


async def test_what_takes_too_long_is_ended_and_tried_again(job_house: JobHouse) -> None:
    async def dawdle(context: JobContext) -> None:
        if context.attempt == 1:
            await asyncio.Event().wait()

    job_house.add(Job("dawdle", "Dawdles.", dawdle, time_limit_s=0.1, **QUICK))
    job_house.worker()
    run = await job_house.ended((await job_house.jobs.enqueue("dawdle")).run_id)
    attempts = await job_house.jobs.attempts(run.job_run_id)
    assert [attempt.outcome for attempt in attempts] == ["failed", "done"]
    assert attempts[0].error == "It was not done within 0.1 seconds."


async def test_a_run_that_goes_on_is_cancelled(job_house: JobHouse) -> None:
    cleaned = asyncio.Event()

    async def sleep(_: JobContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    job_house.add(Job("sleep", "Sleeps.", sleep))
    job_house.worker()
    ticket = await job_house.jobs.enqueue("sleep")
    await job_house.until(ticket.run_id, lambda run: run.state == RunState.RUNNING)
    assert (await job_house.jobs.cancel(ticket.run_id)).cancel_requested
    run = await job_house.ended(ticket.run_id)
    assert (run.state, run.error) == ("cancelled", "It was cancelled.")
    assert cleaned.is_set()
    assert await job_house.outcomes(ticket.run_id) == ["cancelled"]


async def test_work_that_swallows_a_cancellation_is_ended_all_the_same(job_house: JobHouse) -> None:
    async def deaf(_: JobContext) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    job_house.add(Job("deaf", "Hears late.", deaf))
    job_house.worker()
    ticket = await job_house.jobs.enqueue("deaf")
    await job_house.until(ticket.run_id, lambda run: run.state == RunState.RUNNING)
    await job_house.jobs.cancel(ticket.run_id)
    assert (await job_house.ended(ticket.run_id)).state == "cancelled"


async def test_a_worker_that_ends_gives_its_run_to_another(job_house: JobHouse) -> None:
    async def long(context: JobContext) -> None:
        if context.attempt == 1:
            await asyncio.Event().wait()

    job_house.add(Job("long", "Takes long.", long))
    first = job_house.worker()
    ticket = await job_house.jobs.enqueue("long")
    await job_house.until(ticket.run_id, lambda run: run.state == RunState.RUNNING)
    await first.stop()
    assert (await job_house.jobs.find(ticket.run_id)).state == RunState.QUEUED
    job_house.worker()
    run = await job_house.ended(ticket.run_id)
    assert (run.state, run.failures, run.losses) == ("done", 0, 0)
    assert await job_house.outcomes(ticket.run_id) == ["stopped", "done"]


async def test_one_worker_at_a_time_does_a_job(job_house: JobHouse) -> None:
    together = [0, 0]

    async def count(_: JobContext) -> None:
        together[0] += 1
        together[1] = max(together)
        await asyncio.sleep(0.02)
        together[0] -= 1

    job_house.add(Job("count", "Counts.", count))
    for _ in range(3):
        job_house.worker()
    tickets = [await job_house.jobs.enqueue("count", {"room": room}) for room in range(6)]
    runs = [await job_house.ended(ticket.run_id) for ticket in tickets]
    assert [run.state for run in runs] == ["done"] * 6
    assert together == [0, 1]


async def test_a_run_whose_worker_stood_still_is_another_s_and_the_first_notes_nothing(
    job_house: JobHouse,
) -> None:
    begun, late = asyncio.Event(), asyncio.Event()

    async def stall(context: JobContext) -> None:
        if context.attempt == 1:
            begun.set()
            await late.wait()

    job_house.add(Job("stall", "Stalls.", stall))
    # A worker that never says that it goes on, as if its process had been stopped.
    job_house.worker(replace(PACE, heartbeat_timeout_s=1_000))
    ticket = await job_house.jobs.enqueue("stall")
    async with asyncio.timeout(DEADLINE_S):
        await begun.wait()
    job_house.worker()
    run = await job_house.ended(ticket.run_id)
    assert (run.state, run.attempt, run.losses) == ("done", 2, 1)
    late.set()
    await asyncio.sleep(0.1)
    assert await job_house.outcomes(ticket.run_id) == ["lost", "done"]
    assert (await job_house.jobs.find(ticket.run_id)).attempt == 2


async def test_nobody_begins_a_run_that_another_worker_keeps_alive(job_house: JobHouse) -> None:
    async def sweep(_: JobContext) -> None:
        pass

    job_house.add(Job("sweep", "Sweeps.", sweep))
    ticket = await job_house.jobs.enqueue("sweep")
    # The queue offers it, as it does when a worker that stood still has taken out another's row.
    begin = "UPDATE job_run SET state = 'running', attempt = 1, heartbeat_at = clock_timestamp()"
    await job_house.pool.execute(begin)
    job_house.worker()
    taken = "SELECT count(*) FROM job_queue.pgqueuer_log WHERE status = 'picked'"
    await eventually(lambda: job_house.pool.fetchval(taken))
    for _ in range(20):
        await job_house.pool.execute(begin + " WHERE attempt = 1")
        await asyncio.sleep(PACE.fresh_s / 10)
    assert (await job_house.jobs.find(ticket.run_id)).attempt == 1
    run = await job_house.ended(ticket.run_id)
    assert (run.state, run.attempt, run.losses) == ("done", 2, 1)


async def test_a_run_that_kills_every_worker_is_left_alone_in_the_end(job_house: JobHouse) -> None:
    async def do(_: JobContext) -> None:
        raise AssertionError("nobody should try this again")

    job_house.add(Job("deadly", "Kills.", do, losses_max=3))
    ticket = await job_house.jobs.enqueue("deadly")
    await job_house.pool.execute(
        "UPDATE job_run SET state = 'running', attempt = 3, losses = 2, heartbeat_at = '2026-01-01'"
    )
    job_house.worker()
    run = await job_house.ended(ticket.run_id)
    assert (run.state, run.losses) == ("lost", 3)
    assert run.error is not None
    assert "died" in run.error


async def test_a_run_that_the_queue_has_lost_is_found_again(job_house: JobHouse) -> None:
    async def sweep(_: JobContext) -> None:
        pass

    job_house.add(Job("sweep", "Sweeps.", sweep))
    ticket = await job_house.jobs.enqueue("sweep")
    await job_house.pool.execute("DELETE FROM job_queue.pgqueuer")
    job_house.worker()
    assert (await job_house.ended(ticket.run_id)).state == "done"


async def test_a_cut_connection_is_made_again_and_what_went_on_is_done(job_house: JobHouse) -> None:
    async def cut(context: JobContext) -> None:
        if context.attempt == 1:
            await job_house.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'accessibletrader jobs'"
            )
            await asyncio.Event().wait()

    job_house.add(Job("cut", "Cuts.", cut))
    job_house.worker()
    ticket = await job_house.jobs.enqueue("cut")
    run = await job_house.ended(ticket.run_id)
    assert run.state == "done"
    assert (await job_house.outcomes(ticket.run_id))[-1] == "done"


async def test_a_connection_that_asyncpg_gives_up_in_silence_is_made_again(
    job_house: JobHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[asyncpg.Connection] = []

    async def connect(dsn: str) -> asyncpg.Connection:
        made.append(await open_queue_connection(dsn))
        return made[-1]

    async def give_up(context: JobContext) -> None:
        if context.attempt == 1:
            # What asyncpg does in a critical error of the protocol: nobody who listens for the end is told.
            made[-1]._protocol.abort()
            await asyncio.Event().wait()

    monkeypatch.setattr(jobs_conftest, "open_queue_connection", connect)
    job_house.add(Job("give_up", "Gives up.", give_up))
    job_house.worker()
    ticket = await job_house.jobs.enqueue("give_up")
    run = await job_house.ended(ticket.run_id)
    assert run.state == "done"
    assert len(made) == 2
