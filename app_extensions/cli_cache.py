"""What commands say to the cache, and of one that does not listen."""

import asyncio

import click

from app_extensions.cli_servers import reachable_servers
from app_extensions.embedded import EmbeddedError, has_cache
from app_extensions.redis_manager import open_redis
from config import Config
from services.answer_cache import AnswerCache
from services.answer_changes import EVERYTHING
from services.upstream.optional_redis import OptionalRedis
from utils.clock import Clock

NOT_TOLD = "The cache could not be told: a service that runs may give the bars from before for up to an hour."
NOT_FORGOTTEN = (
    "The cache could not be told: the service may give answers from before the restore for up to an hour."
)


def forget_answers(config: Config) -> None:
    """Make worthless what the cache holds of answers, where there is one; say so when that fails."""
    if not config.redis_url and not has_cache(config.var_dir):
        return
    try:
        with reachable_servers(config, database=False, cache=True) as reachable:
            told = asyncio.run(_forget_answers(reachable.redis_url))
    except EmbeddedError:
        told = False
    if not told:
        click.echo(NOT_FORGOTTEN, err=True)


async def _forget_answers(redis_url: str) -> bool:
    redis, clock = open_redis(redis_url), Clock()
    cache = AnswerCache(OptionalRedis(redis, clock.steady_s), clock, bytes_max=0)
    try:
        await cache.announce_names((EVERYTHING,))
    finally:
        await cache.close()
        await redis.aclose()
    return not cache.is_owing
