"""Everything a question passes on its way to one exchange, and what is learned from how it ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from services.upstream.ban import Ban
from services.upstream.breaker import Breaker
from services.upstream.call_slots import CallSlots
from services.upstream.keys import rate_key, upstream_key
from services.upstream.limits import UpstreamLimits
from services.upstream.measured_call import MeasuredCall
from services.upstream.optional_redis import OptionalRedis
from services.upstream.rate_budget import RateBudget
from services.upstream.refusals import silent
from services.upstream.retries import RetryBudget
from services.upstream.state import ExchangeMood
from utils.errors import UpstreamDown, UpstreamLimited

# An exchange that is away for longer is not asked a second time at once.
RETRY_WITHIN_S = 5.0

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class GuardParts:
    """What every guard of a worker is made with.

    ``uniform`` draws a number between two; ``workers`` is how many workers share the exchange's budget.
    """

    redis: OptionalRedis
    limits: UpstreamLimits
    workers: int
    steady_s: Callable[[], float]
    uniform: Callable[[float, float], float]


class ExchangeGuard:
    """Hold one exchange's place in line, budget, ban and breaker on this worker."""

    def __init__(self, market: str, exchange: str, requests_per_s: float | None, parts: GuardParts) -> None:
        key = upstream_key(market, exchange)
        steady_s, limits, redis = parts.steady_s, parts.limits, parts.redis
        self._exchange = exchange
        self.requests_per_s = requests_per_s
        self._parts = parts
        self._slots = CallSlots(exchange, limits, steady_s)
        self._ban = Ban(exchange, key, redis=redis, steady_s=steady_s)
        self._breaker = Breaker(exchange, left_s=limits.left_s, steady_s=steady_s)
        self._retries = RetryBudget(limits.retry_share)
        self._budget = None
        if requests_per_s is not None:
            self._budget = RateBudget(
                exchange,
                rate_key(key),
                requests_per_s,
                redis=redis,
                workers=parts.workers,
                steady_s=steady_s,
            )

    @property
    def mood(self) -> tuple[ExchangeMood, float]:
        """Return what a question would meet now, and how long nobody will put one."""
        if self._ban.left_s:
            return ExchangeMood.LIMITED, self._ban.left_s
        if not self._breaker.closed:
            return ExchangeMood.SILENT, self._breaker.left_s
        return ExchangeMood.ANSWERING, 0.0

    async def ask(self, question: Callable[[], Awaitable[Result]]) -> Result:
        """Put a question and return its answer; put it again where the exchange was away for a moment.

        Raises: what the question raises; UpstreamLimited while the exchange wants to be left alone, and
        UpstreamBusy when it is being asked enough; UpstreamDown while it does not answer anybody;
        UpstreamTimeout when this one is not answered, or not put, in time.
        """
        self._retries.earn()
        try:
            return await self._ask_once(question)
        except UpstreamDown as error:
            if not self._is_worth_retrying(error):
                raise
            log.info("exchange is asked again", extra={"exchange": self._exchange, "reason": error.detail})
        # Full jitter, so that questions that failed together are not put again together.
        await asyncio.sleep(self._parts.uniform(0.0, self._parts.limits.retry_wait_s))
        return await self._ask_once(question)

    async def pass_stream(self) -> None:
        """Wait until a stream may be opened. Raises: UpstreamLimited."""
        await self._ban.pass_stream(self._deadline_s())

    async def note_limited(self, error: UpstreamLimited) -> None:
        """Learn that the exchange asked us to wait by way of a stream."""
        await self._ban.impose(error)

    async def _ask_once(self, question: Callable[[], Awaitable[Result]]) -> Result:
        call = MeasuredCall(self._exchange, self._parts.steady_s)
        with call.measured():
            return await self._put(lambda: call.put(question))

    async def _put(self, question: Callable[[], Awaitable[Result]]) -> Result:
        self._check()
        deadline_s = self._deadline_s()
        async with self._slots.taken(deadline_s):
            # While this one waited the exchange may have fallen silent, or asked us to wait.
            self._check()
            if self._budget is not None:
                await self._budget.take_turn(deadline_s)
            async with self._ban.call(deadline_s):
                with self._breaker.call():
                    return await self._answer(question)

    def _check(self) -> None:
        self._ban.check()
        self._breaker.check()

    async def _answer(self, question: Callable[[], Awaitable[Result]]) -> Result:
        try:
            async with asyncio.timeout(self._parts.limits.answer_s):
                return await question()
        except TimeoutError as error:
            raise silent(self._exchange) from error

    def _is_worth_retrying(self, error: UpstreamDown) -> bool:
        soon = error.retry_after_s is None or error.retry_after_s <= RETRY_WITHIN_S
        return soon and self._breaker.closed and not self._ban.on_trial and self._retries.spend()

    def _deadline_s(self) -> float:
        return self._parts.steady_s() + self._parts.limits.wait_s
