"""Things with a lifetime, opened in order and closed in reverse."""

import functools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from quart import Quart

from app_extensions.db_pool import Patience, close_pool, open_pool
from app_extensions.job_table import job_table
from app_extensions.jobs import does_jobs, running_jobs
from app_extensions.metrics_samples import serving_metrics
from app_extensions.migrations import read_migrations
from app_extensions.redis_manager import open_blocking_redis, open_live_redis, open_redis
from config import Config
from middleware.context import EXTENSION
from plugins import load_plugins
from plugins.base import MarketPlugin
from plugins.listings import load_listings
from plugins.listings.base import ListingsProvider
from services import Services, build_services
from services.backends import Backends
from services.live.hub import WAIT_MS
from utils.clock import Clock

DRAIN = "accessibletrader_drain"
DRAINING = "accessibletrader_draining"
# How long a worker waits for the database; whoever puts none there does not wait.
PATIENCE = "accessibletrader_patience"


def init_app_extensions(
    app: Quart, config: Config, clock: Clock | None = None, *, alone: bool = False
) -> None:
    """Open the database, the cache, the plugins and the services while the app serves.

    ``alone`` is for a process without a launcher: it serves its own metrics.
    """

    @app.while_serving
    async def lifetime() -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            patience: Patience | None = app.extensions.get(PATIENCE)
            services = await stack.enter_async_context(
                open_services(config, clock or Clock(), patience=patience)
            )
            services.jobs.add(job_table(services, config))
            if does_jobs(config):
                await stack.enter_async_context(running_jobs(services, config.db_connection_string))
            app.extensions[EXTENSION] = services
            services.start()
            await stack.enter_async_context(serving_metrics(services, config, alone=alone))
            app.extensions[DRAIN] = functools.partial(_drain, app, services)
            yield


async def _drain(app: Quart, services: Services) -> None:
    app.extensions[DRAINING] = True
    await services.live.drain()


@asynccontextmanager
async def open_services(
    config: Config, clock: Clock, *, only_market: str | None = None, patience: Patience | None = None
) -> AsyncIterator[Services]:
    """Open what the services stand on, and close it in reverse; a command may need one market only."""
    async with AsyncExitStack() as stack:
        plugins = load_plugins(config.plugins, clock, config.plugin_settings)
        listings = load_listings(config.listings_providers, clock, config.plugin_settings)
        pool = await open_pool(config.db_connection_string, patience)
        stack.push_async_callback(close_pool, pool)
        redis = open_redis(config.redis_url)
        stack.push_async_callback(redis.aclose)
        live = open_live_redis(config.redis_url)
        stack.push_async_callback(live.aclose)
        blocking = open_blocking_redis(config.redis_url, longest_wait_s=WAIT_MS / 1_000)
        stack.push_async_callback(blocking.aclose)
        for market, plugin in plugins.by_market.items():
            if only_market in (None, market):
                await _open_plugin(plugin, stack)
        for provider in listings.providers if only_market is None else ():
            await _open_plugin(provider, stack)
        schema_version = read_migrations("plain")[-1].version
        backends = Backends(clock, pool, redis, live, blocking, plugins, listings, schema_version)
        services = build_services(config, backends)
        stack.push_async_callback(services.close)
        yield services


async def _open_plugin(plugin: MarketPlugin | ListingsProvider, stack: AsyncExitStack) -> None:
    stack.push_async_callback(plugin.close)
    await plugin.open()
