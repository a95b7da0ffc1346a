"""Redis where it answers: whoever can do without it is told quickly that it does not, and that is counted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from utils import figures
from utils.tasks import heed_cancellation

REDIS_TIMEOUT_S = 0.25
# While Redis is away one call a second looks for it; the others do not wait for the deadline.
REST_AFTER_FAILURE_S = 1.0
LOG_EVERY_S = 60.0

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class RedisAway(Exception):
    """Say that Redis does not answer; go on without it."""


class OptionalRedis:
    """Ask Redis within a deadline, and leave it alone for a moment when it failed.

    ``missed`` counts the questions that went without an answer.
    """

    def __init__(
        self,
        redis: Redis,
        steady_s: Callable[[], float],
        without: str = "exchanges are asked without Redis, each worker for itself",
        part: str = "exchanges",
    ) -> None:
        self.redis = redis
        self._without = without
        self._part = part
        self.missed = 0
        self._steady_s = steady_s
        self._rest_until_s = float("-inf")
        self._log_after_s = float("-inf")

    async def ask(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Return what Redis answers. Raises: RedisAway."""
        if self._steady_s() < self._rest_until_s:
            self._miss()
            raise RedisAway
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                return await heed_cancellation(call())
        except (RedisError, OSError) as error:
            self._note_failure(error)
            raise RedisAway from error

    def _miss(self) -> None:
        self.missed += 1
        figures.FAILED_OPEN.add(1, self._part)

    def _note_failure(self, error: Exception) -> None:
        now_s = self._steady_s()
        self._miss()
        self._rest_until_s = now_s + REST_AFTER_FAILURE_S
        if now_s >= self._log_after_s:
            self._log_after_s = now_s + LOG_EVERY_S
            log.warning(
                self._without,
                extra={"missed": self.missed, "error_type": type(error).__name__},
            )
