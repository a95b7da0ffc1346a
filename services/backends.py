"""What the services stand on; the app extensions open it."""

from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis

from plugins import PluginRegistry
from plugins.listings import ListingsRegistry
from utils.clock import Clock


@dataclass(frozen=True, slots=True)
class Backends:
    """Hold what the services stand on, opened by the app extensions.

    ``redis`` answers quick commands; ``redis_live`` is the live log's own and waits longer;
    ``redis_blocking`` is for reads that wait. ``schema_version`` is the newest migration of the program.
    """

    clock: Clock
    pool: asyncpg.Pool
    redis: Redis
    redis_live: Redis
    redis_blocking: Redis
    plugins: PluginRegistry
    listings: ListingsRegistry
    schema_version: int
