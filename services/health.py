"""How the service and the parts it needs are doing; not for whether the process itself runs."""

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.fleet.fleet import Fleet, FleetState
from services.stores.health import select_schema_version
from services.stores.losses import DATABASE_AWAY
from services.upstream.state import ExchangeMood

PROBE_TIMEOUT_S = 1.0
# Waiting for a connection, the answer, and giving the connection back together stay under the deadline.
ACQUIRE_TIMEOUT_S = 0.4
QUERY_TIMEOUT_S = 0.5


class HealthStatus(StrEnum):
    """How a part, or the whole, is doing."""

    OK = "ok"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class MigrationState(StrEnum):
    """Whether the database has every migration that this program knows."""

    CURRENT = "current"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PartHealth:
    """State how one part answered; ``latency_ms`` is None when it did not."""

    status: HealthStatus
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """State how the database and the cache answered, and how exchanges and feeds are, on all workers."""

    database: PartHealth
    cache: PartHealth
    migrations: MigrationState
    fleet: FleetState

    @property
    def exchanges(self) -> HealthStatus:
        """Return whether every exchange that was asked may be asked."""
        answering = all(row.state.mood is ExchangeMood.ANSWERING for row in self.fleet.exchanges)
        return HealthStatus.OK if answering else HealthStatus.DEGRADED

    @property
    def feeds(self) -> HealthStatus:
        """Return whether every feed brings what it should."""
        late = any(row.late for row in self.fleet.feeds)
        return HealthStatus.DEGRADED if late else HealthStatus.OK

    @property
    def degraded(self) -> tuple[str, ...]:
        """Return the names of the parts that are not as they should be."""
        parts = {
            "database": self.database.status,
            "cache": self.cache.status,
            "exchanges": self.exchanges,
            "feeds": self.feeds,
        }
        return tuple(name for name, status in parts.items() if status is not HealthStatus.OK)

    @property
    def can_serve(self) -> bool:
        """Tell whether requests can be answered: not without the database, nor with an older schema."""
        return self.database.status is HealthStatus.OK and self.migrations is MigrationState.CURRENT

    @property
    def status(self) -> HealthStatus:
        """Return the state of the whole, which needs the database and can do without the rest."""
        if self.database.status is not HealthStatus.OK:
            return HealthStatus.UNAVAILABLE
        return HealthStatus.DEGRADED if self.degraded else HealthStatus.OK


class HealthCheck:
    """Ask all parts at once; answers within a second, whatever hangs.

    ``schema_version`` is the newest migration that this program knows. A database may know newer ones: they
    are made so that the program before them goes on.
    """

    def __init__(self, pool: asyncpg.Pool, redis: Redis, fleet: Fleet, schema_version: int) -> None:
        self._pool = pool
        self._redis = redis
        self._fleet = fleet
        self._schema_version = schema_version

    async def check(self) -> Health:
        """Return how everything is."""
        async with asyncio.TaskGroup() as probes:
            database = probes.create_task(self._probe_database())
            cache = probes.create_task(self._probe_cache())
            fleet = probes.create_task(self._fleet.state())
        part, migrations = database.result()
        return Health(part, cache.result(), migrations, fleet.result())

    async def _probe_database(self) -> tuple[PartHealth, MigrationState]:
        started_s = time.perf_counter()
        try:
            async with (
                asyncio.timeout(PROBE_TIMEOUT_S),
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
            ):
                version = await select_schema_version(connection, timeout_s=QUERY_TIMEOUT_S)
        except DATABASE_AWAY:
            return PartHealth(HealthStatus.UNAVAILABLE), MigrationState.UNKNOWN
        current = version >= self._schema_version
        return _answered(started_s), MigrationState.CURRENT if current else MigrationState.PENDING

    async def _probe_cache(self) -> PartHealth:
        started_s = time.perf_counter()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await self._redis.ping()
        except (RedisError, OSError):
            return PartHealth(HealthStatus.UNAVAILABLE)
        return _answered(started_s)


def _answered(started_s: float) -> PartHealth:
    return PartHealth(HealthStatus.OK, round((time.perf_counter() - started_s) * 1000, 1))
