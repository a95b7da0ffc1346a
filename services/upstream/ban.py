"""The wait that an exchange asked for (429, 418), kept by every worker, and the one question after it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.upstream.ban_record import Leave, LocalBan, SharedBan, Verdict, named_wait_s
from services.upstream.optional_redis import OptionalRedis, RedisAway
from services.upstream.refusals import limited, probed
from utils.errors import NotFound, UpstreamBusy, UpstreamLimited

# How often a question looks whether the trial of another one is over.
LOOK_EVERY_S = 0.05

log = logging.getLogger(__name__)


class Ban:
    """Let nobody ask until the time an exchange gave, then one question, then everybody.

    All workers learn of it by way of Redis. While Redis is away each worker knows what it was told itself.
    """

    def __init__(
        self, exchange: str, key: str, *, redis: OptionalRedis, steady_s: Callable[[], float]
    ) -> None:
        self._exchange = exchange
        self._steady_s = steady_s
        self._local = LocalBan()
        self._shared = SharedBan(key, redis)

    @property
    def on_trial(self) -> bool:
        """Tell whether no question was answered since the exchange asked us to wait, as far as is known."""
        return self._local.on_trial

    @property
    def left_s(self) -> float:
        """Return how long nobody may ask, as far as is known here."""
        return self._local.left_s(self._steady_s())

    def check(self) -> None:
        """Raise UpstreamLimited when it is known here already that nobody may ask."""
        if left_s := self._local.left_s(self._steady_s()):
            raise limited(self._exchange, left_s)

    @asynccontextmanager
    async def call(self, deadline_s: float) -> AsyncIterator[None]:
        """Put a question, and learn from how it ends; waits for the trial of another until the deadline.

        Raises: UpstreamLimited when nobody may ask.
        """
        trial = await self._admitted(deadline_s) is Leave.TRIAL
        answered = False
        try:
            yield
            answered = True
        except NotFound:
            answered = True
            raise
        except UpstreamBusy:
            raise  # the exchange was not asked
        except UpstreamLimited as error:
            await self.impose(error)
            raise
        finally:
            if trial:
                await self._end_trial(answered=answered)

    async def pass_stream(self, deadline_s: float) -> None:
        """Wait until a stream may be opened: whoever opens one leaves the trial to a question.

        Raises: UpstreamLimited when nobody may ask.
        """
        while (verdict := await self._admit(may_try=False)).leave is Leave.TRIED:
            if self._steady_s() > deadline_s:
                return
            await asyncio.sleep(LOOK_EVERY_S)
        self._raise_if_limited(verdict)

    async def impose(self, error: UpstreamLimited) -> None:
        """Let nobody ask for as long as an exchange said, or longer each time it did not say."""
        named_s = named_wait_s(error.retry_after_s)
        try:
            named_s = wait_s = await self._shared.impose(named_s)
        except RedisAway:
            wait_s = self._local.impose(self._steady_s(), named_s)
        else:
            self._local.impose(self._steady_s(), named_s)
        log.warning("exchange asked us to wait", extra={"exchange": self._exchange, "wait_s": wait_s})

    async def _admitted(self, deadline_s: float) -> Leave:
        while (verdict := await self._admit(may_try=True)).leave is Leave.TRIED:
            if self._steady_s() > deadline_s:
                raise probed(self._exchange)
            await asyncio.sleep(LOOK_EVERY_S)
        self._raise_if_limited(verdict)
        return verdict.leave

    async def _admit(self, *, may_try: bool) -> Verdict:
        if left_s := self._local.left_s(self._steady_s()):
            return Verdict(Leave.LIMITED, left_s)
        try:
            verdict = await self._shared.admit(may_try=may_try)
        except RedisAway:
            return self._local.admit(self._steady_s(), may_try=may_try)
        self._local.learn(verdict, self._steady_s())
        return verdict

    async def _end_trial(self, *, answered: bool) -> None:
        if answered:
            self._local.lift()
            log.info("exchange may be asked again", extra={"exchange": self._exchange})
        else:
            self._local.end_trial()
        # Without Redis the trial's key ends by itself.
        with contextlib.suppress(RedisAway):
            await self._shared.end_trial(answered=answered)

    def _raise_if_limited(self, verdict: Verdict) -> None:
        if verdict.leave is Leave.LIMITED:
            raise limited(self._exchange, verdict.wait_s)
