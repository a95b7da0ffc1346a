"""How often one caller may call: named buckets, counted in Redis for all workers together.

Not for connections or messages of WebSockets. Redis away or slow: each worker counts its share by itself, and
how often that was is counted too.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from quart import Quart, Response, current_app, g
from redis.exceptions import RedisError

from middleware.call_leases import CALLERS_MAX, Allowance, CallLeases
from middleware.client_address import address_group, client_address
from middleware.context import services
from middleware.declarations import declare
from middleware.local_calls import LocalCalls
from services import Services
from utils import figures
from utils.cell_rate import CELL_RATE_SCRIPT
from utils.errors import TooManyRequests
from utils.spoken import spoken_wait

log = logging.getLogger(__name__)

EXTENSION = "accessibletrader_rate_limits"
PERIOD_MS = 60_000
LOGIN_PER_MINUTE = 10
SYNC_PER_MINUTE = 10
REDIS_TIMEOUT_S = 0.25
# While Redis is away one request a second asks for it; the others do not wait for the deadline.
REST_AFTER_FAILURE_MS = 1_000
LOG_EVERY_MS = 60_000
# Whoever is over the limit is told so, and not kept waiting.
NO_PATIENCE_MS = 0

View = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class RateLimits:
    """Hold the buckets, calls a minute by name, and how Redis has been answering."""

    per_minute: dict[str, int]
    local: LocalCalls
    counted_alone: int = 0
    rest_until_ms: int = 0
    logged_ms: int = -LOG_EVERY_MS
    leases: CallLeases = field(default_factory=CallLeases)


def init_rate_limit(app: Quart, per_minute: int, workers: int) -> None:
    """Set up the buckets ``default``, ``login`` and ``sync``, and their headers."""
    buckets = {"default": per_minute, "login": LOGIN_PER_MINUTE, "sync": SYNC_PER_MINUTE}
    app.extensions[EXTENSION] = RateLimits(buckets, LocalCalls(workers))
    app.after_request(_add_headers)


def limit(bucket: str) -> Callable[[View], View]:
    """Count calls of a view in a bucket, by signed-in user or else by client address."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            await count_call(bucket)
            return await view(*args, **kwargs)

        declare(wrapper, limit=bucket)
        return wrapper

    return decorate


def limit_exempt(reason: str) -> Callable[[View], View]:
    """Leave a view uncounted, for a reason that is written here."""

    def decorate(view: View) -> View:
        declare(view, limit="exempt", limit_exempt=reason)
        return view

    return decorate


async def count_call(bucket: str) -> None:
    """Count one call of this request or WebSocket.

    Raises: TooManyRequests with the time to wait.
    """
    limits: RateLimits = current_app.extensions[EXTENSION]
    allowance = await take_call(limits, services(), bucket, _key(bucket))
    g.allowance = allowance
    if not allowance.allowed:
        figures.RATE_LIMITED.add(1, bucket)
        wait_s = allowance.wait_ms / 1000
        detail = f"Too many requests. Wait {spoken_wait(wait_s)}, then try again."
        raise TooManyRequests(detail, retry_after_s=wait_s)


async def take_call(limits: RateLimits, house: Services, bucket: str, caller: str) -> Allowance:
    """Return whether a caller may call and what is left."""
    leased = leased_call(limits, house, bucket, caller)
    return leased if leased is not None else await _ask(limits, house, bucket, caller)


def leased_call(limits: RateLimits, house: Services, bucket: str, caller: str) -> Allowance | None:
    """Return what a call that was taken in advance leaves; None when there is none."""
    return limits.leases.use(caller, bucket, limits.per_minute[bucket], house.clock.steady_s())


async def _ask(limits: RateLimits, house: Services, bucket: str, caller: str) -> Allowance:
    now_ms = house.clock.now_ms()
    per_minute, now_s = limits.per_minute[bucket], house.clock.steady_s()
    if now_ms < limits.rest_until_ms:
        limits.counted_alone += 1
        figures.FAILED_OPEN.add(1, "limits")
        return limits.local.take(caller, bucket, per_minute, now_s)
    wanted, returned = limits.leases.wanted(caller, per_minute, now_s)
    terms = [per_minute, PERIOD_MS, NO_PATIENCE_MS, wanted, returned]
    script = house.redis.register_script(CELL_RATE_SCRIPT)
    try:
        async with asyncio.timeout(REDIS_TIMEOUT_S):
            answer = await script(keys=[caller], args=terms)
    except (RedisError, OSError) as error:
        _note_failure(limits, now_ms, error)
        return limits.local.take(caller, bucket, per_minute, house.clock.steady_s())
    taken, left, full_in_ms, wait_ms = (int(number) for number in answer)
    allowance = Allowance(bucket, per_minute, bool(taken), left, full_in_ms, wait_ms)
    return limits.leases.keep(caller, allowance, taken, now_s) if taken else allowance


def _key(bucket: str) -> str:
    principal = g.get("principal")
    if principal is not None:
        return f"limit:{bucket}:user:{principal.user_id}"
    return caller_at(bucket, client_address())


@functools.lru_cache(CALLERS_MAX)
def caller_at(bucket: str, address: str) -> str:
    """Return the name under which calls from an address are counted."""
    return f"limit:{bucket}:address:{address_group(address)}"


def _note_failure(limits: RateLimits, now_ms: int, error: Exception) -> None:
    limits.counted_alone += 1
    figures.FAILED_OPEN.add(1, "limits")
    limits.rest_until_ms = now_ms + REST_AFTER_FAILURE_MS
    if now_ms - limits.logged_ms >= LOG_EVERY_MS:
        limits.logged_ms = now_ms
        log.warning(
            "each worker counts calls by itself because Redis does not answer",
            extra={"counted_alone": limits.counted_alone, "error_type": type(error).__name__},
        )


async def _add_headers(response: Response) -> Response:
    allowance: Allowance | None = g.get("allowance")
    if allowance is not None:
        for name, text in allowance.headers:
            response.headers[name] = text
    return response
