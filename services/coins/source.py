"""Where coins come from: the first provider that answers, in the order of the settings, and back to it."""

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from plugins.listings import ListingsRegistry
from plugins.listings.base import Coin, CoinHistoryPoint, ListingsPage, ListingsProfile
from services.coins.guarded_provider import LIMITS, GuardedProvider, ProviderState
from services.upstream.exchange_guard import GuardParts
from services.upstream.optional_redis import OptionalRedis
from utils.clock import Clock
from utils.errors import UpstreamBusy, UpstreamDown, UpstreamError
from utils.spoken import spoken_wait

# For a provider that does not say how long it will be away.
WAIT_S = 60.0
# However long it will be away, nobody knows for sure.
PASS_MAX_S = 3_600.0

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Failure:
    # By the steady clock: when it may answer again by its own word, and until when it is passed over.
    error: UpstreamError
    again_s: float
    pass_until_s: float


class ListingsSource:
    """Ask the providers in their order; every answer says whose it is.

    A provider that failed is passed over until its waiting time is over, and is then the first one again.
    """

    def __init__(
        self, registry: ListingsRegistry, *, redis: OptionalRedis, clock: Clock, workers: int
    ) -> None:
        parts = GuardParts(
            redis=redis, limits=LIMITS, workers=workers, steady_s=clock.steady_s, uniform=random.uniform
        )
        self._clock = clock
        self._registry = registry
        self._guarded = {
            provider.name: GuardedProvider(provider, parts, clock) for provider in registry.providers
        }
        self._failures: dict[str, _Failure] = {}

    @property
    def providers(self) -> Sequence[str]:
        """Return the names of the providers, first choice first."""
        return tuple(self._guarded)

    @property
    def states(self) -> tuple[ProviderState, ...]:
        """Return how the providers are, first choice first."""
        return tuple(guarded.state for guarded in self._guarded.values())

    def profile(self, name: str) -> ListingsProfile:
        """Return what a provider allows. Raises: NotFound."""
        return self._registry.get(name).profile()

    async def fetch_top(
        self, limit: int, *, provider: str | None = None, spare: bool = False
    ) -> ListingsPage:
        """Return the first coins of the first provider that answers, or of the one that is named.

        No more than the provider gives at most. ``spare`` is for whoever is not the schedule: it leaves the
        calls that the schedule needs until the month ends.
        Raises: the Upstream errors when nobody answers; NotFound for one that the settings do not name.
        """
        if provider is not None:
            return await self._fetch_top_of(self._named(provider), limit, spare=spare)
        for guarded in self._guarded.values():
            failure = self._failures.get(guarded.provider.name)
            if failure is not None and failure.pass_until_s > self._clock.steady_s():
                continue
            try:
                return await self._fetch_top_of(guarded, limit, spare=spare)
            except UpstreamError:
                continue
        raise self._nobody()

    async def fetch_coin(self, provider: str, coin_id: str) -> Coin:
        """Return one coin in full, out of what the schedule leaves. Raises: as ``fetch_top``."""
        guarded = self._named(provider)
        calls = guarded.provider.profile().calls_per_coin
        return await self._ask(guarded, lambda: guarded.provider.fetch_coin(coin_id), calls=calls, spare=True)

    async def fetch_history(self, provider: str, coin_id: str, *, days: int) -> tuple[CoinHistoryPoint, ...]:
        """Return a coin's past as its provider tells it, out of what the schedule leaves.

        No more days than the provider has. Raises: as ``fetch_top``.
        """
        guarded = self._named(provider)
        days = max(min(days, guarded.provider.profile().history_days), 1)
        return await self._ask(
            guarded, lambda: guarded.provider.fetch_history(coin_id, days=days), calls=1, spare=True
        )

    async def _fetch_top_of(self, guarded: GuardedProvider, limit: int, *, spare: bool) -> ListingsPage:
        provider = guarded.provider
        limit = min(limit, provider.profile().coins_max)
        calls = provider.calls_for(limit)
        return await self._ask(guarded, lambda: provider.fetch_top(limit), calls=calls, spare=spare)

    async def _ask(
        self,
        guarded: GuardedProvider,
        question: Callable[[], Awaitable[Result]],
        *,
        calls: int,
        spare: bool,
    ) -> Result:
        try:
            answer = await guarded.ask(question, calls=calls, spare=spare)
        except UpstreamError as error:
            self._note_failure(guarded, error)
            raise
        if self._failures.pop(guarded.provider.name, None) is not None:
            log.info("listings provider answers again", extra={"provider": guarded.provider.name})
        return answer

    def _note_failure(self, guarded: GuardedProvider, error: UpstreamError) -> None:
        name = guarded.provider.name
        now_s, wait_s = self._clock.steady_s(), error.retry_after_s or WAIT_S
        # What is not asked here, for want of calls, may be asked for a smaller thing.
        pass_s = 0.0 if isinstance(error, UpstreamBusy) else min(wait_s, PASS_MAX_S)
        self._failures[name] = _Failure(error.anew(), now_s + wait_s, now_s + pass_s)
        log.warning(
            "listings provider did not answer",
            extra={"provider": name, "code": error.error_code, "reason": error.detail, "wait_s": wait_s},
        )

    def _named(self, name: str) -> GuardedProvider:
        return self._guarded[self._registry.get(name).name]

    def _nobody(self) -> UpstreamError:
        again_s = min(failure.again_s for failure in self._failures.values())
        wait_s = max(again_s - self._clock.steady_s(), 1.0)
        if len(self._guarded) == 1:
            (error,) = (failure.error for failure in self._failures.values())
            return type(error)(error.detail, code=error.error_code, retry_after_s=wait_s)
        titles = " nor ".join(guarded.provider.title for guarded in self._guarded.values())
        return UpstreamDown(
            f"Neither {titles} lists coins now. Try again in {spoken_wait(wait_s)}.", retry_after_s=wait_s
        )
