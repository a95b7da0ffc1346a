"""Decisions, and the one place that wires them."""

from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis

from plugins import PluginRegistry
from utils.clock import Clock


@dataclass(frozen=True, slots=True)
class Services:
    """Hold everything a view may call."""

    clock: Clock
    pool: asyncpg.Pool
    redis: Redis
    plugins: PluginRegistry
