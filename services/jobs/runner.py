"""Doing what waits in the queue on this worker, from the first connection to giving everything back."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError, RetryRequested
from pgqueuer.domain.models import Job as QueuedRow

from services.jobs.attempts import Attempts
from services.jobs.job import Job
from services.jobs.jobs import Jobs
from services.jobs.pace import JobPace
from services.jobs.planner import Planner
from services.jobs.queue import SETTINGS, queue_on
from services.stores.losses import DATABASE_AWAY
from services.worker_name import worker_name
from utils.clock import Clock
from utils.tasks import end_tasks, wait_at_most

CLOSE_TIMEOUT_S = 2.0
# A look at the queue that finds runs which others are about to take comes again this soon.
LOOK_AGAIN_S = 1.0
# A connection that was cut is noticed this soon.
CUT_LOOK_S = 0.5

Connect = Callable[[], Awaitable[asyncpg.Connection]]

log = logging.getLogger(__name__)


class _Queue(QueueManager):
    """The library's loop, which need not check at every start the tables that our migrations made."""

    async def verify_structure(self) -> None:
        pass


class JobRunner:
    """Plan and do jobs until stopped, over one connection of its own and the pool."""

    def __init__(
        self, *, connect: Connect, pool: asyncpg.Pool, clock: Clock, jobs: Jobs, pace: JobPace
    ) -> None:
        self._connect = connect
        self._jobs = jobs
        self._pace = pace
        self._stopping = asyncio.Event()
        self._planner = Planner(pool=pool, clock=clock, jobs=jobs, pace=pace)
        self._attempts = Attempts(pool, clock, pace, worker=worker_name())
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; nothing is waited for."""
        self._tasks = [
            asyncio.create_task(self._keep_doing(), name="job queue"),
            asyncio.create_task(self._planner.run(self._stopping), name="job planner"),
        ]

    async def stop(self) -> None:
        """Give back what goes on, and return when nothing is left."""
        self._stopping.set()
        if not self._tasks:
            return
        # What is in the middle of a statement may finish it; nothing here waits longer than that.
        await asyncio.wait(self._tasks, timeout=self._pace.stop_timeout_s)
        await end_tasks(self._tasks)

    async def _keep_doing(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._do_until_cut()
            except (*DATABASE_AWAY, FailingListenerError) as error:
                log.warning("the job queue was lost", extra={"reason": str(error)})
            except Exception:  # the loop that keeps jobs going must outlive whatever comes up in it
                log.exception("the job queue failed")
            await wait_at_most(self._stopping, self._pace.reconnect_s)

    async def _do_until_cut(self) -> None:
        connecting = asyncio.ensure_future(self._connect())
        told = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({connecting, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
        connection = await connecting
        try:
            if not self._stopping.is_set():
                await self._do(connection)
        finally:
            try:
                await connection.close(timeout=CLOSE_TIMEOUT_S)
            except DATABASE_AWAY:
                connection.terminate()

    async def _do(self, connection: asyncpg.Connection) -> None:
        queue = self._queue(connection)
        beside = [
            asyncio.create_task(self._pass_on_end(connection, queue), name="end of the job connection"),
            asyncio.create_task(self._pass_on_stop(queue), name="stop of the job queue"),
            asyncio.create_task(self._give_back_at_end(queue), name="giving back jobs"),
        ]
        try:
            await queue.run(
                dequeue_timeout=timedelta(seconds=self._pace.look_every_s),
                batch_size=1,
                max_concurrent_tasks=self._pace.at_once,
                shutdown_on_listener_failure=True,
                heartbeat_timeout=timedelta(seconds=self._pace.heartbeat_timeout_s),
                log_aggregation_interval=timedelta(0),
            )
        finally:
            await end_tasks(beside)

    def _queue(self, connection: asyncpg.Connection) -> _Queue:
        queue = _Queue(queue_on(connection), SETTINGS.channel)
        queue.min_dequeue_poll_interval = timedelta(seconds=min(LOOK_AGAIN_S, self._pace.look_every_s))
        for job in self._jobs.table:
            register = queue.entrypoint(job.name, concurrency_limit=1, accepts_context=False)
            register(functools.partial(self._take, job))
        return queue

    async def _take(self, job: Job, row: QueuedRow) -> None:
        assert row.payload is not None
        again = await self._attempts.make(job, int(row.payload))
        if again is not None:
            raise RetryRequested(timedelta(seconds=again.in_s))

    async def _pass_on_stop(self, queue: _Queue) -> None:
        await self._stopping.wait()
        queue.shutdown.set()

    async def _pass_on_end(self, connection: asyncpg.Connection, queue: _Queue) -> None:
        # Looked at, not listened for: asyncpg tells its listeners nothing of a connection that it gives up
        # itself, and the library would wait for what goes on, for as long as that takes.
        while not connection.is_closed():  # noqa: ASYNC110 - nobody would set an event
            await asyncio.sleep(CUT_LOOK_S)
        queue.shutdown.set()

    async def _give_back_at_end(self, queue: _Queue) -> None:
        # The library waits for what it has begun; without its queue, another worker may begin that too.
        await queue.shutdown.wait()
        self._attempts.give_back()
