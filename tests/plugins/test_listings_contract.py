"""One contract for every provider of listings: what `plugins.listings.base` promises, asked of each.

To bring a provider under it, add a stage: the provider, the name of its module's PROVIDER, one of its coins,
and how often it called.
"""

import dataclasses
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType

import pytest

from plugins.base import PluginContext
from plugins.listings import coingecko, coinmarketcap, simulated
from plugins.listings.base import Coin, CoinFigures, ListingsProvider
from tests.listings import LocalListings
from tests.listings.held import NOW_MS
from utils.clock import Clock
from utils.domain import DAY_MS
from utils.errors import NotFound

CLOCK = Clock(lambda: NOW_MS)
KEYS = {"COINGECKO_API_KEY": "CG-a-key-of-the-tests", "COINMARKETCAP_API_KEY": "a-key-of-the-tests"}
# Signs of a whole number that are digits, ids that would lead elsewhere, and nothing at all.
STRANGE_IDS = (
    "no-such-coin",
    "999999",
    "",
    ".",
    "..",
    "../exchanges",
    "a/b",
    "bit coin",
    "x?y=z",
    "²",
    "a\x00b",
)


@dataclass(frozen=True)
class Stage:
    """A provider with somebody behind it; ``calls`` counts the questions put there, None for nobody."""

    module: ModuleType
    provider: ListingsProvider
    calls: Callable[[], int | None]


@asynccontextmanager
async def local_stage(module: ModuleType, **settings: str) -> AsyncIterator[Stage]:
    async with LocalListings() as local:
        context = PluginContext(CLOCK, {"LISTINGS_ENDPOINT": local.endpoint, **settings})
        provider = module.create_provider(context)
        await provider.open()
        try:
            yield Stage(module, provider, lambda: len(local.calls))
        finally:
            await provider.close()


@asynccontextmanager
async def simulated_stage() -> AsyncIterator[Stage]:
    provider = simulated.create_provider(PluginContext(CLOCK, {}))
    await provider.open()
    yield Stage(simulated, provider, lambda: None)
    await provider.close()


STAGES: dict[str, Callable[[], AbstractAsyncContextManager[Stage]]] = {
    "coingecko": lambda: local_stage(coingecko, **KEYS),
    "coingecko-keyless": lambda: local_stage(coingecko),
    "coinmarketcap": lambda: local_stage(coinmarketcap, **KEYS),
    "simulated": simulated_stage,
}


@pytest.fixture(params=STAGES)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param]() as opened:
        yield opened


def hold_figures(figures: CoinFigures, now_ms: int) -> None:
    for field in dataclasses.fields(figures):
        value = getattr(figures, field.name)
        if value is None:
            continue
        if field.name.endswith("_ms"):
            assert type(value) is int
            assert 0 < value <= now_ms, field.name
            continue
        assert type(value) is float, field.name
        assert math.isfinite(value), field.name
        assert value >= (-100.0 if field.name.endswith("_percent") else 0.0), field.name


def hold_coin(coin: Coin, provider: ListingsProvider) -> None:
    assert coin.provider == provider.name
    assert coin.coin_id
    assert coin.name.isprintable()
    assert coin.symbol == coin.symbol.upper() != ""
    assert coin.rank is None or coin.rank >= 1
    assert coin.image_url is None or coin.image_url.startswith("https://")
    hold_figures(coin.figures, NOW_MS)


async def test_its_name_is_that_of_its_module(stage: Stage) -> None:
    assert stage.provider.name == stage.module.PROVIDER
    assert stage.provider.title


async def test_its_profile_can_be_worked_with_and_needs_no_network(stage: Stage) -> None:
    profile = stage.provider.profile()
    assert 1 <= profile.page_coins <= profile.coins_max
    assert profile.coins_max >= 200
    assert profile.history_days >= 0
    assert profile.calls_per_coin >= 1
    assert not stage.calls()


@pytest.mark.parametrize("limit", [1, 50, 200, 251, 500])
async def test_it_lists_as_many_coins_as_are_asked_for_by_rank(stage: Stage, limit: int) -> None:
    page = await stage.provider.fetch_top(limit)
    assert page.provider == stage.provider.name
    assert page.fetched_ms == NOW_MS
    assert not page.refused
    assert [coin.rank for coin in page.coins] == list(range(1, limit + 1))
    assert len({coin.coin_id for coin in page.coins}) == limit
    caps = [coin.figures.market_cap for coin in page.coins]
    assert caps == sorted(caps, reverse=True)
    for coin in page.coins:
        hold_coin(coin, stage.provider)


@pytest.mark.parametrize("limit", [1, 200, 250, 251, 600])
async def test_a_list_takes_the_calls_that_were_said(stage: Stage, limit: int) -> None:
    await stage.provider.fetch_top(limit)
    assert stage.calls() in (None, stage.provider.calls_for(limit))


async def test_a_list_of_more_than_there_is_holds_what_there_is(stage: Stage) -> None:
    page = await stage.provider.fetch_top(stage.provider.profile().coins_max)
    assert len(page.coins) in (600, 1_000)


async def test_a_coin_is_told_in_full(stage: Stage) -> None:
    listed = (await stage.provider.fetch_top(3)).coins[2]
    before = stage.calls()
    coin = await stage.provider.fetch_coin(listed.coin_id)
    hold_coin(coin, stage.provider)
    assert (coin.coin_id, coin.symbol, coin.name) == (listed.coin_id, listed.symbol, listed.name)
    assert coin.figures.price == listed.figures.price
    assert coin.description
    assert coin.links[0].kind == "homepage"
    if before is not None:
        assert stage.calls() - before == stage.provider.profile().calls_per_coin


@pytest.mark.parametrize("coin_id", STRANGE_IDS)
async def test_a_coin_that_is_not_there_is_not_found(stage: Stage, coin_id: str) -> None:
    with pytest.raises(NotFound):
        await stage.provider.fetch_coin(coin_id)
    with pytest.raises(NotFound):
        await stage.provider.fetch_history(coin_id, days=1)


async def test_history_comes_oldest_first_or_is_said_not_to_be_there(stage: Stage) -> None:
    coin = (await stage.provider.fetch_top(1)).coins[0]
    if not stage.provider.profile().history_days:
        with pytest.raises(NotFound, match="no history"):
            await stage.provider.fetch_history(coin.coin_id, days=1)
        return
    points = await stage.provider.fetch_history(coin.coin_id, days=7)
    times = [point.time_ms for point in points]
    assert times == sorted(set(times))
    assert times[0] >= NOW_MS - 8 * DAY_MS
    assert times[-1] <= NOW_MS
    assert len(times) > 100
    assert all(math.isfinite(point.price) and point.price >= 0 for point in points)
    assert {type(point.market_cap) for point in points} == {type(point.volume) for point in points} == {float}


async def test_it_can_be_closed_without_having_been_opened(stage: Stage) -> None:
    await stage.module.create_provider(PluginContext(CLOCK, KEYS)).close()
