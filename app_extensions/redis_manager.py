"""The Redis or Valkey clients: one for quick commands, one for reads that wait."""

from redis.asyncio import BlockingConnectionPool, Redis

CONNECT_TIMEOUT_S = 0.25
COMMAND_TIMEOUT_S = 0.25
# The live log is no short cut that a request can do without: what is cut off there has to be begun again.
LIVE_COMMAND_TIMEOUT_S = 2.0
CONNECTIONS_MAX = 50


def open_redis(url: str) -> Redis:
    """Return a client for quick commands; it fails within a quarter of a second and never retries.

    redis-py's own defaults wait five seconds and retry: one read from a hung server took a minute.
    """
    return Redis.from_url(
        url,
        socket_timeout=COMMAND_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=None,
        driver_info=None,
        max_connections=CONNECTIONS_MAX,
    )


def open_live_redis(url: str) -> Redis:
    """Return a client for the live log; it waits longer, since a busy moment must not end feeds.

    Where every connection is in use, a command waits for its turn: a start with a thousand topics asks for a
    thousand leases at once. Nothing that waits for news may be asked here, since it would keep a place.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        timeout=LIVE_COMMAND_TIMEOUT_S,
        socket_timeout=LIVE_COMMAND_TIMEOUT_S,
        socket_connect_timeout=LIVE_COMMAND_TIMEOUT_S,
        retry=None,
        driver_info=None,
        max_connections=CONNECTIONS_MAX,
    )
    return Redis.from_pool(pool)


def open_blocking_redis(url: str, *, longest_wait_s: float) -> Redis:
    """Return a client for reads that wait up to ``longest_wait_s`` for news."""
    return Redis.from_url(
        url,
        socket_timeout=longest_wait_s + 2.0,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=None,
        driver_info=None,
        max_connections=2,
    )
