"""One provider of listings, with the discipline towards it around it: its pace, its month, its wishes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from plugins.listings.base import ListingsProvider
from services.coins.month_budget import MONTH, MonthBudget
from services.coins.schedule import calls_between
from services.upstream.exchange_guard import ExchangeGuard, GuardParts
from services.upstream.limits import UpstreamLimits
from services.upstream.rate_budget import RateBudget
from services.upstream.state import ExchangeMood
from utils.clock import Clock

MARKET = "listings"
# Nobody waits for a list: jobs ask, a few at a time, and a list of a thousand coins takes several calls.
LIMITS = UpstreamLimits(in_flight=2, waiting=16, wait_s=20.0, answer_s=60.0, left_s=5.0)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ProviderState:
    """How one provider is, as this worker knows it; None where it sets no limit to a month."""

    name: str
    title: str
    mood: ExchangeMood
    wait_s: float
    calls_used: int
    calls_per_month: int | None


class GuardedProvider:
    """Put every question to a provider through its guard, and pay for it."""

    def __init__(self, provider: ListingsProvider, parts: GuardParts, clock: Clock) -> None:
        self.provider = provider
        self._clock = clock
        self._guard = ExchangeGuard(MARKET, provider.title, None, parts)
        profile = provider.profile()
        # The braces keep a provider's keys together in a cluster.
        key = f"upstream:{{{MARKET}:{provider.name}}}"
        self._pace = self._month = None
        if profile.calls_per_minute is not None:
            self._pace = RateBudget(
                provider.title,
                f"{key}:rate",
                profile.calls_per_minute / 60,
                redis=parts.redis,
                workers=parts.workers,
                steady_s=parts.steady_s,
            )
        if profile.calls_per_month is not None:
            self._month = MonthBudget(
                provider.title,
                f"{key}:calls",
                profile.calls_per_month,
                redis=parts.redis,
                workers=parts.workers,
                now_ms=clock.now_ms,
            )

    @property
    def state(self) -> ProviderState:
        """Return how the provider is."""
        mood, wait_s = self._guard.mood
        used = self._month.used if self._month else 0
        most = self.provider.profile().calls_per_month
        return ProviderState(self.provider.name, self.provider.title, mood, wait_s, used, most)

    async def ask(self, question: Callable[[], Awaitable[Result]], *, calls: int, spare: bool) -> Result:
        """Put a question that takes so many calls; a ``spare`` one leaves what the schedule still needs.

        Raises: what the question raises, and as ``ExchangeGuard.ask``; UpstreamBusy when the calls of a
        minute or of the month are used up.
        """

        async def paid() -> Result:
            # Each time it is put: one that was not answered may have been counted all the same.
            await self._pay(calls, spare=spare)
            return await question()

        return await self._guard.ask(paid)

    async def _pay(self, calls: int, *, spare: bool) -> None:
        if self._pace is not None:
            for _ in range(calls):
                await self._pace.take_turn(self._clock.steady_s() + LIMITS.wait_s)
        if self._month is not None:
            now_ms = self._clock.now_ms()
            keep = calls_between(now_ms, MONTH.next(now_ms), self.provider.calls_for) if spare else 0
            await self._month.take(calls, keep=keep)
