"""Things with a lifetime, opened in order and closed in reverse."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from quart import Quart

from app_extensions.db_pool import close_pool, open_pool
from app_extensions.redis_manager import open_blocking_redis, open_redis
from config import Config
from middleware.context import EXTENSION
from plugins import load_plugins
from plugins.base import MarketPlugin
from services import Backends, build_services
from services.live.hub import WAIT_MS
from utils.clock import Clock

DRAIN = "accessibletrader_drain"
DRAINING = "accessibletrader_draining"


def init_app_extensions(app: Quart, config: Config, clock: Clock | None = None) -> None:
    """Open the database, the cache, the plugins and the services while the app serves."""

    @app.while_serving
    async def lifetime() -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            await _open(app, config, clock or Clock(), stack)
            yield


async def _open(app: Quart, config: Config, clock: Clock, stack: AsyncExitStack) -> None:
    plugins = load_plugins(config.plugins, clock, config.plugin_settings)
    pool = await open_pool(config.db_connection_string)
    stack.push_async_callback(close_pool, pool)
    redis = open_redis(config.redis_url)
    stack.push_async_callback(redis.aclose)
    blocking = open_blocking_redis(config.redis_url, longest_wait_s=WAIT_MS / 1_000)
    stack.push_async_callback(blocking.aclose)
    for plugin in plugins.by_market.values():
        await _open_plugin(plugin, stack)
    services = build_services(config, Backends(clock, pool, redis, blocking, plugins))
    stack.push_async_callback(services.close)
    app.extensions[EXTENSION] = services

    async def drain() -> None:
        app.extensions[DRAINING] = True
        await services.live.drain()

    app.extensions[DRAIN] = drain


async def _open_plugin(plugin: MarketPlugin, stack: AsyncExitStack) -> None:
    stack.push_async_callback(plugin.close)
    await plugin.open()
