"""docs/listings.md holds a whole provider of listings, and it works; and what it says is so."""

import dataclasses
import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from plugins.listings import BUILT_IN, load_listings
from plugins.listings.base import ListingsProfile, ListingsProvider
from plugins.listings.coingecko import CALLS_PER_MONTH as COINGECKO_CALLS
from plugins.listings.coinmarketcap import CALLS_PER_MONTH as COINMARKETCAP_CALLS
from plugins.listings.simulated_faults import ListingsFaults
from services.coins.source import ListingsSource
from services.upstream.optional_redis import OptionalRedis
from tests.docs.reading import ROOT, blocks, code_words, table
from utils.clock import Clock
from utils.errors import NotFound, UpstreamDown

PAGE = (ROOT / "docs/listings.md").read_text()
MODULE = "village_coins"


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page, where they can be imported and read."""
    (code,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    (rows,) = [block.text for block in blocks(PAGE) if block.language == "text"]
    (tmp_path / f"{MODULE}.py").write_text(code)
    (tmp_path / "village_coins.csv").write_text(rows)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "village_coins.csv"


@pytest.fixture
async def source(prices: Path, redis: Redis) -> AsyncIterator[ListingsSource]:
    clock = Clock()
    registry = load_listings((MODULE,), clock, lambda _: {"VILLAGE_COINS": str(prices)})
    for provider in registry.providers:
        await provider.open()
    yield ListingsSource(registry, redis=OptionalRedis(redis, clock.steady_s), clock=clock, workers=1)
    for provider in registry.providers:
        await provider.close()


async def test_the_provider_of_the_page_lists_its_coins(source: ListingsSource) -> None:
    page = await source.fetch_top(10)
    listed = [
        (coin.rank, coin.symbol, coin.figures.market_cap, coin.figures.volume_24h) for coin in page.coins
    ]
    assert listed == [(1, "HOUR", 1_125.0, None), (2, "EGG", 372.0, None)]
    assert page.provider == "village"
    assert (await source.fetch_coin("village", "egg")).name == "Egg token"


async def test_the_provider_of_the_page_fails_as_the_page_says(
    source: ListingsSource, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        await source.fetch_coin("village", "no-such-coin")
    with pytest.raises(NotFound, match="The village gives no history"):
        await source.fetch_history("village", "egg", days=1)
    (tmp_path / "village_coins.csv").unlink()
    with pytest.raises(UpstreamDown, match="cannot be read"):
        await source.fetch_top(10)


def test_the_page_shows_how_to_load_it() -> None:
    starts = [block.text for block in blocks(PAGE) if "./start.sh" in block.text]
    assert starts[-1].startswith(f"LISTINGS_PROVIDERS={MODULE} ")


def test_every_provider_that_comes_with_the_service_is_on_the_page() -> None:
    assert [
        code_words(row[0])[0] for row in table(PAGE, "Who lists coins, and how to add somebody", "Provider")
    ] == list(BUILT_IN)


def test_every_method_of_the_contract_is_on_the_page() -> None:
    listed = {}
    for row in table(PAGE, "What a provider does", "Method"):
        name, _, arguments = code_words(row[0])[0].rstrip(")").partition("(")
        listed[name] = [argument for argument in arguments.split(", ") if argument]
    methods = inspect.getmembers(ListingsProvider, inspect.isfunction)
    assert listed == {name: [*inspect.signature(method).parameters][1:] for name, method in methods}


def test_every_field_of_a_profile_and_every_fault_is_on_the_page() -> None:
    for heading, word, shape in (
        ("The profile of a provider", "Field", ListingsProfile),
        ("How it fails", "Fault", ListingsFaults),
    ):
        listed = [code_words(row[0])[0] for row in table(PAGE, heading, word)]
        assert listed == [field.name for field in dataclasses.fields(shape)], heading


def test_the_plans_on_the_page_are_those_of_the_code() -> None:
    rows = table(PAGE, "What it costs", "Provider")
    assert [row[1] for row in rows] == [f"{calls:,}" for calls in (COINGECKO_CALLS, COINMARKETCAP_CALLS)]
