"""The plan of runs fits the free plans of all providers, in every month there is."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.listings.base import ListingsProvider
from plugins.listings.coingecko import CoinGecko
from plugins.listings.coinmarketcap import CoinMarketCap
from services.coins.coin_jobs import BACKFILLS_A_DAY, DESCRIPTIONS_A_DAY
from services.coins.guarded_provider import LIMITS
from services.coins.schedule import FREQUENT, HOURLY, calls_between
from utils.clock import Clock
from utils.domain import HOUR_MS, MINUTE_MS

FREE_PLANS = {"coingecko": 10_000, "coinmarketcap": 15_000}
PROVIDERS: list[ListingsProvider] = [
    CoinGecko(Clock(), key="", endpoint=""),
    CoinGecko(Clock(), key="a-key", endpoint=""),
    CoinMarketCap(Clock(), key="a-key", endpoint=""),
]
# A common year and a leap year: 28, 29, 30 and 31 days.
MONTHS = [(year, month) for year in (2026, 2028) for month in range(1, 13)]


def month_ms(year: int, month: int) -> tuple[int, int]:
    begin = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return int(begin.timestamp() * 1_000), int(end.timestamp() * 1_000)


def runs(start_ms: int, end_ms: int) -> Iterator[tuple[int, int]]:
    """Walk through the minutes as a clock does, and yield each run's time and coins."""
    hourly_ms = -HOUR_MS
    for time_ms in range(start_ms, end_ms, MINUTE_MS):
        if time_ms % HOURLY.every_ms == 0:
            hourly_ms = time_ms
            yield time_ms, HOURLY.coins
        elif time_ms % FREQUENT.every_ms == 0 and time_ms - hourly_ms >= FREQUENT.every_ms:
            yield time_ms, FREQUENT.coins


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
@pytest.mark.parametrize(("year", "month"), MONTHS)
def test_every_month_fits_the_free_plan(provider: ListingsProvider, year: int, month: int) -> None:
    profile = provider.profile()
    assert profile.calls_per_month == FREE_PLANS[provider.name]
    minutes = Counter[int]()
    for time_ms, coins in runs(*month_ms(year, month)):
        minutes[time_ms // MINUTE_MS] += provider.calls_for(coins)
    calls = sum(minutes.values())
    assert calls == calls_between(*month_ms(year, month), provider.calls_for)
    assert calls <= 8_928
    # Even where a tenth of all questions is put twice, which is as many as are.
    assert calls * (1 + LIMITS.retry_share) <= profile.calls_per_month
    assert max(minutes.values()) <= profile.calls_per_minute


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_the_longest_month_fits_even_where_no_run_is_ever_skipped(provider: ListingsProvider) -> None:
    frequent, hourly = 31 * 24 * 12, 31 * 24
    calls = frequent * provider.calls_for(FREQUENT.coins) + hourly * provider.calls_for(HOURLY.coins)
    assert calls == 9_672 <= provider.profile().calls_per_month


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_what_is_asked_every_day_beside_the_lists_fits_what_they_leave(provider: ListingsProvider) -> None:
    profile = provider.profile()
    left = profile.calls_per_month - calls_between(*month_ms(2026, 12), provider.calls_for)
    assert 31 * (BACKFILLS_A_DAY + DESCRIPTIONS_A_DAY * profile.calls_per_coin) <= left


def test_the_frequent_run_leaves_the_hour_to_the_hourly_one() -> None:
    assert calls_between(0, HOUR_MS, lambda _: 1) == 12
    assert calls_between(0, 1, lambda coins: coins) == HOURLY.coins
    assert calls_between(FREQUENT.every_ms, FREQUENT.every_ms + 1, lambda coins: coins) == FREQUENT.coins
    assert calls_between(1, FREQUENT.every_ms, lambda _: 1) == 0


@given(st.integers(0, 10**13), st.integers(0, 10**8), st.integers(0, 10**8))
def test_two_stretches_take_what_the_whole_takes(start_ms: int, first_ms: int, second_ms: int) -> None:
    middle_ms = start_ms + first_ms
    end_ms = middle_ms + second_ms

    def calls(begin_ms: int, until_ms: int) -> int:
        return calls_between(begin_ms, until_ms, lambda coins: -(-coins // 100))

    assert calls(start_ms, middle_ms) + calls(middle_ms, end_ms) == calls(start_ms, end_ms)
