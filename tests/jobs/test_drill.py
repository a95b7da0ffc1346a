"""Four workers, a job every two seconds, and kill -9 at random: no planned time lost, none done twice.

What that means when a process dies in the middle of a run:

- every planned time between the first and the last has exactly one run, and every run ends as done;
- of the attempts at a run exactly one is done, the last; each one before it is marked as lost;
- what the job writes under the id of its run is there once;
- no two attempts, of this run or of another, were ever at work at the same time.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby, pairwise
from multiprocessing.context import ForkServerProcess

import asyncpg
import pytest

from tests.jobs.conftest import eventually
from tests.jobs.drill_worker import PACE, PERIOD_S, TABLES, start_worker

WORKERS = 4
RUNS = "SELECT * FROM job_run WHERE tick_at <= $1 ORDER BY tick_at"
AT_WORK = "SELECT worker FROM job_attempt WHERE ended_at IS NULL"
ATTEMPTS = "SELECT * FROM job_attempt WHERE job_run_id = ANY($1) ORDER BY job_run_id, attempt"
EFFECTS = "SELECT * FROM drill_effect WHERE run_id = ANY($1) ORDER BY tick_ms"
STEPS = "SELECT run_id, attempt FROM drill_step WHERE run_id = ANY($1) ORDER BY at"
LEFT = "SELECT count(*) FROM job_run WHERE tick_at <= $1 AND state IN ('queued', 'running')"


@pytest.fixture
async def drill_pool(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Pool]:
    await pool.execute(TABLES)
    yield pool
    await pool.execute("DROP TABLE drill_step, drill_effect")


class Crew:
    """Workers, each of which is replaced when it is killed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.crew: list[ForkServerProcess] = []

    def fill(self) -> None:
        while len(self.crew) < WORKERS:
            self.crew.append(start_worker(self._dsn))

    def kill(self, member: ForkServerProcess) -> None:
        assert member.pid is not None
        os.kill(member.pid, signal.SIGKILL)
        member.join()
        self.crew.remove(member)


@contextmanager
def a_crew(dsn: str) -> Iterator[Crew]:
    crew = Crew(dsn)
    try:
        crew.fill()
        yield crew
    finally:
        for member in list(crew.crew):
            crew.kill(member)


async def at_work(crew: Crew, pool: asyncpg.Pool) -> list[ForkServerProcess]:
    pids = {str(worker).rpartition(":")[2] for (worker,) in await pool.fetch(AT_WORK)}
    return [member for member in crew.crew if str(member.pid) in pids]


async def kill_for(crew: Crew, pool: asyncpg.Pool, length_s: float, rng: random.Random) -> int:
    """Kill whoever is at work, or anybody, again and again; return how many died."""
    killed = 0
    loop = asyncio.get_running_loop()
    end_s = loop.time() + length_s
    while loop.time() < end_s:
        await asyncio.sleep(rng.uniform(0.1, 1.5))
        victims = crew.crew
        if rng.random() < 0.6:
            victims = await eventually(lambda: at_work(crew, pool))
            # At the beginning of the work, in its middle, or when it is over already.
            await asyncio.sleep(rng.uniform(0.0, 0.4))
        crew.kill(rng.choice(victims))
        crew.fill()
        killed += 1
    return killed


async def check(pool: asyncpg.Pool, until: datetime) -> int:
    """Hold what was planned until then to what is promised; return how many attempts were lost."""
    runs = await pool.fetch(RUNS, until)
    run_ids = [run["job_run_id"] for run in runs]
    ticks_s = [run["tick_at"].timestamp() for run in runs]
    assert all(later - earlier == PERIOD_S for earlier, later in pairwise(ticks_s)), "a time is missing"
    assert {run["state"] for run in runs} == {"done"}

    attempts = await pool.fetch(ATTEMPTS, run_ids)
    by_run = {key: [*group] for key, group in groupby(attempts, lambda attempt: attempt["job_run_id"])}
    assert set(by_run) == set(run_ids)
    outcomes = [[attempt["outcome"] for attempt in group] for group in by_run.values()]
    assert all(group == ["lost"] * (len(group) - 1) + ["done"] for group in outcomes), outcomes

    effects = await pool.fetch(EFFECTS, run_ids)
    assert [effect["tick_ms"] / 1_000 for effect in effects] == ticks_s
    # One after the other: whoever has begun is never heard of again after the next.
    steps = await pool.fetch(STEPS, run_ids)
    turns = [turn for turn, _ in groupby(tuple(step) for step in steps)]
    assert len(turns) == len(set(turns)), "two attempts were at work at the same time"
    return sum(len(group) - 1 for group in outcomes)


async def drill(dsn: str, pool: asyncpg.Pool, length_s: float) -> tuple[int, int]:
    with a_crew(dsn) as crew:
        await eventually(lambda: pool.fetch(RUNS, datetime.now(UTC)))
        killed = await kill_for(crew, pool, length_s, random.Random(2_026))
        # What comes due while the rest is worked off is not looked at.
        until = datetime.now(UTC)
        async with asyncio.timeout(60 + length_s / 2):
            while await pool.fetchval(LEFT, until):  # noqa: ASYNC110 - rows tell nobody of a change
                await asyncio.sleep(0.1)
    return killed, await check(pool, until)


async def test_no_run_is_lost_and_none_doubled_when_workers_are_killed(
    dsn: str, drill_pool: asyncpg.Pool
) -> None:
    killed, lost = await drill(dsn, drill_pool, length_s=2 * PACE.heartbeat_timeout_s)
    assert killed >= 3
    assert lost >= 1, "nobody died at work: this was no drill"


@pytest.mark.long
async def test_no_run_is_lost_and_none_doubled_in_five_minutes_of_killing(
    dsn: str, drill_pool: asyncpg.Pool
) -> None:
    killed, lost = await drill(dsn, drill_pool, length_s=300)
    assert killed >= 100
    assert lost >= 30
