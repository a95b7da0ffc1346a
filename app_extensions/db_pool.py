"""The pool of PostgreSQL connections, with a deadline on everything."""

import asyncio
import logging
from dataclasses import dataclass

import asyncpg

from app_extensions.measured_pool import make_pool
from services.stores.losses import DATABASE_AWAY, DATABASE_REFUSES
from utils.tasks import wait_at_most

CONNECT_TIMEOUT_S = 5.0
RETRY_S = 0.5
COMMAND_TIMEOUT_S = 4.0
# Its statements are small, and what waits behind one is no person: a late answer is better than none.
QUEUE_COMMAND_TIMEOUT_S = 20.0
# A migration may rewrite a table; what reads whole tables has deadlines of its own.
COPY_COMMAND_TIMEOUT_S = 600.0
POOL_SIZE_MAX = 10
APPLICATION_NAME = "accessibletrader"
# The server gives up a little earlier than we do, so that its answer still reaches us.
SERVER_SETTINGS = {
    "application_name": APPLICATION_NAME,
    "timezone": "UTC",
    "statement_timeout": "3800",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "10000",
}

# For whole tables: nothing limits how long a statement takes, and a value is the same text on every server.
COPY_SETTINGS = {
    "application_name": f"{APPLICATION_NAME} copy",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "statement_timeout": "0",
    "lock_timeout": "10000",
    "idle_in_transaction_session_timeout": "0",
}


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Say how long a database that is away is waited for, unless ``ended`` is set before."""

    timeout_s: float
    ended: asyncio.Event


async def open_pool(dsn: str, patience: Patience | None = None) -> asyncpg.Pool:
    """Return an open pool; the caller closes it. Without patience it is tried once."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + (patience.timeout_s if patience else 0.0)
    told = False
    while True:
        try:
            return await _open_pool(dsn)
        except DATABASE_AWAY as error:
            if patience is None or isinstance(error, DATABASE_REFUSES) or loop.time() >= end_s:
                raise
            if not told:
                log.warning("the database is away and is waited for", extra={"reason": str(error)})
                told = True
            await wait_at_most(patience.ended, RETRY_S)
            if patience.ended.is_set():
                raise


async def _open_pool(dsn: str) -> asyncpg.Pool:
    return await make_pool(
        dsn,
        size_max=POOL_SIZE_MAX,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=SERVER_SETTINGS,
    )


async def open_queue_connection(dsn: str) -> asyncpg.Connection:
    """Return the connection over which a worker hears of jobs; the caller closes it."""
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=QUEUE_COMMAND_TIMEOUT_S,
        server_settings=SERVER_SETTINGS | {"application_name": f"{APPLICATION_NAME} jobs"},
    )


async def open_copy_connection(dsn: str) -> asyncpg.Connection:
    """Return a connection for backups and moves; the caller closes it."""
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COPY_COMMAND_TIMEOUT_S,
        server_settings=COPY_SETTINGS,
    )


async def close_pool(pool: asyncpg.Pool, timeout_s: float = 5.0) -> None:
    """Close the pool, cutting what does not end in time."""
    try:
        async with asyncio.timeout(timeout_s):
            await pool.close()
    except TimeoutError:
        pool.terminate()
