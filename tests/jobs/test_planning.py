"""Planned times: each has one run, what was missed is made up as a job allows, and nothing piles up."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.jobs.job import DAY_S, HOUR_S, MINUTE_S, Every, Job, JobContext
from services.jobs.planner import STILL_GOING_ON, Planner
from tests.jobs.conftest import NOW_MS, PACE, JobHouse, eventually

DAY_MS = DAY_S * 1_000
HOUR_LENGTH_MS = HOUR_S * 1_000
FIVE = Every(5 * MINUTE_S)
HOURLY = Every(HOUR_S)
NIGHTLY = Every(DAY_S, after_s=3 * HOUR_S)
# 2026-11-18T11:00:00Z: an hour, and a multiple of five minutes.
HOUR_MS = 1_795_000_000_000 // 3_600_000 * 3_600_000

plans = st.builds(Every, st.integers(1, 2 * DAY_S), st.integers(0, DAY_S))
times_ms = st.integers(1_700_000_000_000, 1_900_000_000_000)


async def nothing(_: JobContext) -> None:
    pass


def planner(house: JobHouse) -> Planner:
    return Planner(pool=house.pool, clock=house.clock, jobs=house.jobs, pace=PACE)


async def ticks(house: JobHouse, job: str) -> list[tuple[int | None, str]]:
    runs = await house.jobs.runs(job=job, state=None, before_run_id=None, limit=100)
    return [(run.tick_ms, run.state) for run in reversed(runs)]


@given(plans, times_ms)
def test_the_newest_planned_time_has_come_and_the_next_has_not(every: Every, now_ms: int) -> None:
    latest_ms = every.latest_ms(now_ms)
    assert latest_ms <= now_ms < latest_ms + every.period_s * 1_000
    assert (latest_ms - every.after_s * 1_000) % (every.period_s * 1_000) == 0


@given(plans, times_ms, st.lists(st.floats(0, 40), max_size=8))
def test_whoever_looks_and_how_often_every_planned_time_comes_once(
    every: Every, start_ms: int, rests: Sequence[float]
) -> None:
    last_ms, seen = start_ms, []
    now_ms = start_ms
    for rest in rests:
        now_ms += round(rest * every.period_s * 1_000)
        missed = every.missed(last_ms, now_ms)
        due = list(every.due_ms(last_ms, now_ms, at_most=1_000))
        assert missed == max(len(due) - 1, 0)
        seen += due
        last_ms = max([last_ms, *due])
    assert all(later - earlier == every.period_s * 1_000 for earlier, later in itertools.pairwise(seen))
    assert all(start_ms < tick_ms <= now_ms for tick_ms in seen)


def test_of_what_was_missed_the_newest_is_made_up() -> None:
    last_ms = HOUR_MS - DAY_MS
    assert FIVE.missed(last_ms, HOUR_MS) == 287
    assert list(FIVE.due_ms(last_ms, HOUR_MS, at_most=1)) == [HOUR_MS]
    assert list(FIVE.due_ms(last_ms, HOUR_MS, at_most=2)) == [HOUR_MS - 300_000, HOUR_MS]
    assert list(NIGHTLY.due_ms(None, HOUR_MS, at_most=9)) == [NIGHTLY.latest_ms(HOUR_MS)]


async def test_after_downtime_each_job_runs_once(job_house: JobHouse) -> None:
    job_house.add(Job("five", "Five.", nothing, FIVE), Job("nightly", "Nightly.", nothing, NIGHTLY))
    job_house.now_ms = HOUR_MS
    await planner(job_house).plan()
    first = [("five", HOUR_MS), ("nightly", NIGHTLY.latest_ms(HOUR_MS))]
    for job, tick_ms in first:
        assert await ticks(job_house, job) == [(tick_ms, "queued")]
    await job_house.pool.execute("UPDATE job_run SET state = 'done', ended_at = now()")
    job_house.now_ms += 2 * DAY_MS
    # Another worker, the next day but one; and a third beside it.
    await asyncio.gather(*(planner(job_house).plan() for _ in range(3)))
    for job, tick_ms in first:
        assert await ticks(job_house, job) == [(tick_ms, "done"), (tick_ms + 2 * DAY_MS, "queued")]


@pytest.mark.parametrize("ahead_ms", [HOUR_LENGTH_MS // 2, 3 * HOUR_LENGTH_MS, 10 * DAY_MS])
@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_a_clock_that_was_ahead_stops_no_job(job_house: JobHouse, ahead_ms: int, workers: int) -> None:
    job_house.add(Job("hourly", "Hourly.", nothing, HOURLY, catch_up=9))
    planners = itertools.cycle([planner(job_house) for _ in range(workers)])
    for now_ms in (HOUR_MS, HOUR_MS + ahead_ms, HOUR_MS + HOUR_LENGTH_MS, HOUR_MS + 3 * HOUR_LENGTH_MS):
        job_house.now_ms = now_ms
        await next(planners).plan()
        await job_house.pool.execute("UPDATE job_run SET state = 'done', ended_at = now()")
    due = {HOUR_MS + hours * HOUR_LENGTH_MS for hours in range(4)}
    assert due <= {tick_ms for tick_ms, _ in await ticks(job_house, "hourly")}


async def test_a_planned_time_has_one_run_however_many_workers_look(job_house: JobHouse) -> None:
    job_house.add(Job("five", "Five.", nothing, FIVE, queues_up=True))
    planners = [planner(job_house) for _ in range(4)]
    for _ in range(5):
        await asyncio.gather(*(each.plan() for each in planners))
        job_house.now_ms += 300_000
    found = await ticks(job_house, "five")
    assert [tick_ms for tick_ms, _ in found] == [FIVE.latest_ms(NOW_MS) + n * 300_000 for n in range(5)]
    assert await job_house.pool.fetchval("SELECT count(*) FROM job_queue.pgqueuer") == 5


async def test_a_job_that_still_goes_on_is_not_begun_again(job_house: JobHouse) -> None:
    job_house.add(Job("five", "Five.", nothing, FIVE))
    job_house.now_ms = HOUR_MS
    planning = planner(job_house)
    await planning.plan()
    job_house.now_ms += 300_000
    await planning.plan()
    assert await ticks(job_house, "five") == [(HOUR_MS, "queued"), (HOUR_MS + 300_000, "skipped")]
    newest = (await job_house.all_runs())[0]
    assert newest.error == STILL_GOING_ON
    # Nor when somebody ordered it by hand.
    assert (await job_house.jobs.enqueue("five")).already_running


async def after_a_small_and_a_large_run(house: JobHouse, just_s: float) -> Planner:
    small = Job("top_50", "Small.", nothing, FIVE, unless_just_ran=("top_200",), just_s=just_s)
    house.add(small, Job("top_200", "Large.", nothing, HOURLY))
    house.now_ms = HOUR_MS
    planning = planner(house)
    await planning.plan()
    house.worker()
    for run in await house.all_runs():
        await house.ended(run.job_run_id)
    return planning


@pytest.mark.parametrize(("just_s", "state"), [(300, "skipped"), (10, "done")])
async def test_a_small_run_is_skipped_when_the_large_one_has_just_done_its_work(
    job_house: JobHouse, just_s: float, state: str
) -> None:
    planning = await after_a_small_and_a_large_run(job_house, just_s)
    # Both were due: whichever was looked at first, the small one found the large one done or about to be.
    assert await ticks(job_house, "top_200") == [(HOUR_MS, "done")]
    assert await ticks(job_house, "top_50") == [(HOUR_MS, "skipped")]
    job_house.now_ms += 200_000
    # An order is never skipped: somebody wants it.
    ordered = await job_house.ended((await job_house.jobs.enqueue("top_50")).run_id)
    assert ordered.state == "done"
    job_house.now_ms += 99_000
    ran = await job_house.ended(await plan_and_find(job_house, planning))
    assert ran.state == state


async def test_a_large_run_that_a_clock_ahead_saw_end_holds_up_no_small_one(job_house: JobHouse) -> None:
    planning = await after_a_small_and_a_large_run(job_house, just_s=10)
    await job_house.pool.execute("UPDATE job_run SET ended_at = ended_at + INTERVAL '10 days'")
    assert (await job_house.ended(await plan_and_find(job_house, planning))).state == "done"


async def plan_and_find(house: JobHouse, planning: Planner) -> int:
    house.now_ms = HOUR_MS + 300_000
    await planning.plan()

    async def look() -> int | None:
        newest = (await house.all_runs())[0]
        return newest.job_run_id if newest.tick_ms == house.now_ms else None

    run_id = await eventually(look)
    assert run_id is not None
    return run_id


async def test_a_plan_that_fails_is_made_again(job_house: JobHouse, caplog: pytest.LogCaptureFixture) -> None:
    job_house.add(Job("five", "Five.", nothing, FIVE))
    await job_house.pool.execute("ALTER TABLE job_run RENAME TO job_run_away")
    try:
        job_house.worker()

        async def failed() -> bool:
            return "jobs were not planned" in caplog.messages

        await eventually(failed)
    finally:
        await job_house.pool.execute("ALTER TABLE job_run_away RENAME TO job_run")
    runs = await eventually(job_house.all_runs)
    assert (await job_house.ended(runs[0].job_run_id)).state == "done"
