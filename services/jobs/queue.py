"""The queue in PostgreSQL: pgqueuer, told everything that it would otherwise look for in the environment."""

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel

SCHEMA = "job_queue"
# Left out, any of these would be read from variables as common as CHANNEL and FUNCTION.
SETTINGS = DBSettings(
    prefix="",
    db_schema=SCHEMA,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=True,
)


def queue_on(connection: asyncpg.Connection) -> Queries:
    """Return the queue's statements on a connection, within whatever transaction it is in."""
    return Queries(
        AsyncpgDriver(connection),
        QueryBuilderEnvironment(SETTINGS),
        QueryQueueBuilder(SETTINGS),
        QuerySchedulerBuilder(SETTINGS),
    )


def row_key(run_id: int) -> str:
    """Return the key under which a run has at most one row in the queue."""
    return f"run:{run_id}"


async def put_in_queue(connection: asyncpg.Connection, job: str, run_id: int) -> None:
    """Give a run its row in the queue; nothing happens when it has one."""
    await queue_on(connection).enqueue(
        job, str(run_id).encode(), dedupe_key=row_key(run_id), on_conflict="skip"
    )
