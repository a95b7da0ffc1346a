"""How the service and the parts it needs are doing; not for whether the process itself runs."""

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.stores.health import select_one

PROBE_TIMEOUT_S = 1.0
# Waiting for a connection, the answer, and giving the connection back together stay under the deadline.
ACQUIRE_TIMEOUT_S = 0.4
QUERY_TIMEOUT_S = 0.5


class HealthStatus(StrEnum):
    """How a part, or the whole, is doing."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class PartHealth:
    """State how one part answered; ``latency_ms`` is None when it did not."""

    status: HealthStatus
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """State how the database and the cache answered."""

    database: PartHealth
    cache: PartHealth

    @property
    def status(self) -> HealthStatus:
        """Return the state of the whole, which needs the database and can do without the cache."""
        if self.database.status is not HealthStatus.OK:
            return HealthStatus.UNAVAILABLE
        return HealthStatus.OK if self.cache.status is HealthStatus.OK else HealthStatus.DEGRADED


async def check_health(pool: asyncpg.Pool, redis: Redis) -> Health:
    """Ask the database and the cache at once; answers within a second, whatever hangs."""
    async with asyncio.TaskGroup() as probes:
        database = probes.create_task(_probe_database(pool))
        cache = probes.create_task(_probe_cache(redis))
    return Health(database.result(), cache.result())


async def _probe_database(pool: asyncpg.Pool) -> PartHealth:
    started_s = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S), pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await select_one(connection, timeout_s=QUERY_TIMEOUT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return PartHealth(HealthStatus.UNAVAILABLE)
    return _answered(started_s)


async def _probe_cache(redis: Redis) -> PartHealth:
    started_s = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await redis.ping()
    except (RedisError, OSError):
        return PartHealth(HealthStatus.UNAVAILABLE)
    return _answered(started_s)


def _answered(started_s: float) -> PartHealth:
    return PartHealth(HealthStatus.OK, round((time.perf_counter() - started_s) * 1000, 1))
