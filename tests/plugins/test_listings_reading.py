"""Whatever comes, what is taken is a coin; and numbers, times and addresses are read strictly."""

import contextlib
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plugins.listings.base import ListingsProvider
from plugins.listings.coingecko import CoinGecko
from plugins.listings.coinmarketcap import CoinMarketCap
from plugins.listings.reading import Fields, UnreadableField, is_coin_id, read_number, read_url
from tests.listings import HeldCoin, LocalListings, Reply
from tests.listings.held import (
    NOW_MS,
    coingecko_chart,
    coingecko_coin,
    coingecko_listed,
    coinmarketcap_coin,
    coinmarketcap_status,
)
from tests.plugins.test_listings_contract import hold_coin
from utils.clock import Clock
from utils.domain import DAY_MS
from utils.errors import NotFound, UpstreamError

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["2021-04-14T11:54:46.763Z", "bitcoin", "usd", "\ud800", "10" * 400])
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HELD = HeldCoin(1)


def damaged(honest: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return an honest object of which some members are something else, and some are missing."""
    change = st.dictionaries(st.sampled_from(sorted(honest)), ANYTHING, max_size=3)
    gone = st.sets(st.sampled_from(sorted(honest)), max_size=2)
    return st.builds(
        lambda changes, without: {
            name: value for name, value in (honest | changes).items() if name not in without
        },
        change,
        gone,
    )


PAGES = (
    ANYTHING
    | st.lists(damaged(coingecko_listed(HELD)) | ANYTHING, max_size=5)
    | st.fixed_dictionaries(
        {
            "status": ANYTHING | st.just(coinmarketcap_status()),
            "data": ANYTHING | st.lists(damaged(coinmarketcap_coin(HELD)) | ANYTHING, max_size=5),
        }
    )
    | st.fixed_dictionaries(
        {
            "status": st.just(coinmarketcap_status()),
            "data": st.fixed_dictionaries({"1": damaged(coinmarketcap_coin(HELD))}),
        }
    )
    | damaged(coingecko_coin(HELD))
    | damaged(coingecko_chart(HELD, 1))
)
STATUSES = st.sampled_from([200, 200, 200, 200, 429, 500])


@pytest.fixture
async def local() -> AsyncIterator[LocalListings]:
    async with LocalListings() as opened:
        yield opened


@pytest.fixture
async def providers(local: LocalListings) -> AsyncIterator[list[ListingsProvider]]:
    clock = Clock(lambda: NOW_MS)
    opened: list[ListingsProvider] = [
        CoinGecko(clock, key="a-key", endpoint=local.endpoint),
        CoinMarketCap(clock, key="a-key", endpoint=local.endpoint),
    ]
    for provider in opened:
        await provider.open()
    yield opened
    for provider in opened:
        await provider.close()


@given(page=PAGES, status=STATUSES)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(page=[coingecko_listed(HELD)], status=200)
@example(page={"status": coinmarketcap_status(), "data": [coinmarketcap_coin(HELD)]}, status=200)
@example(page=[{"id": "a", "symbol": "ß", "name": "\u200b"}], status=200)
async def test_whatever_comes_only_coins_are_taken_and_only_upstream_errors_raised(
    local: LocalListings, providers: list[ListingsProvider], page: Any, status: int
) -> None:
    # Python writes NaN and infinity as no JSON has them, and so do servers.
    local.always(Reply(json.dumps(page).encode(), status))
    for provider in providers:
        with contextlib.suppress(UpstreamError):
            listed = await provider.fetch_top(5)
            assert listed.coins
            assert len(listed.coins) + len(listed.refused) <= 5
            for coin in listed.coins:
                hold_coin(coin, provider)
                json.dumps([coin.name, coin.symbol, coin.slug], ensure_ascii=False).encode()
        with contextlib.suppress(UpstreamError, NotFound):
            hold_coin(await provider.fetch_coin("1"), provider)
        with contextlib.suppress(UpstreamError, NotFound):
            points = await provider.fetch_history("1", days=1)
            assert [point.time_ms for point in points] == sorted({point.time_ms for point in points})
            assert all(math.isfinite(point.price) and point.price >= 0 for point in points)


@given(body=st.binary(max_size=200))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_bytes_that_are_nothing_raise_upstream_errors(
    local: LocalListings, providers: list[ListingsProvider], body: bytes
) -> None:
    local.always(Reply(body))
    for provider in providers:
        with pytest.raises(UpstreamError):
            await provider.fetch_top(5)


@pytest.mark.parametrize("value", [True, "1", [], {}, math.nan, math.inf, -math.inf, 10**400])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(UnreadableField):
        read_number(value, "price")


@pytest.mark.parametrize(
    ("value", "number"), [(None, None), (0, 0.0), (-3, -3.0), (1e-18, 1e-18), (2**53, 2.0**53)]
)
def test_a_number_keeps_its_value_and_null_stays_null(value: object, number: float | None) -> None:
    assert read_number(value, "price") == number


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:01Z", 1_000),
        ("2021-04-14T11:54:46.763Z", 1_618_401_286_763),
        ("2021-04-14T13:54:46.763+02:00", 1_618_401_286_763),
        ("2021-04-14T11:54:46.763999Z", 1_618_401_286_763),
        ("2013-07-06", 1_373_068_800_000),
    ],
)
def test_a_time_is_read_to_the_millisecond(text: str, time_ms: int) -> None:
    assert Fields({"at": text}, NOW_MS).time_ms("at") == time_ms


@pytest.mark.parametrize(
    "text", ["", "now", "1969-12-31T00:00:00Z", "9999-12-31T23:59:59Z", 5, True, "10000-01-01"]
)
def test_a_time_that_cannot_be_is_refused(text: object) -> None:
    with pytest.raises(UnreadableField):
        Fields({"at": text}, NOW_MS).time_ms("at")


def test_a_clock_that_is_a_little_ahead_breaks_no_coin() -> None:
    fields = Fields({"soon": "2026-11-19T11:06:40Z", "later": "2026-11-19T11:06:41Z"}, NOW_MS)
    assert fields.time_ms("soon") == NOW_MS + DAY_MS
    with pytest.raises(UnreadableField, match="later"):
        fields.time_ms("later")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://a.example/",
        "https://",
        "//a.example",
        "https://a b",
        5,
        "https://[",
        "https://a.example/" + "x" * 500,
    ],
)
def test_what_is_no_web_address_is_none(url: object) -> None:
    assert read_url(url) is None


def test_a_web_address_stays_as_it_is() -> None:
    assert read_url("https://a.example/logo.png?1=2") == "https://a.example/logo.png?1=2"


@pytest.mark.parametrize("text", ["bitcoin", "1", "usd-coin", "0-5x-long", "雪", "a.b", "a_b"])
def test_ids_of_providers_are_ids(text: str) -> None:
    assert is_coin_id(text)


@pytest.mark.parametrize("text", ["", ".", "..", "...", "a/b", "a b", "a?b", "a#b", "a\\b", "a\n", "x" * 201])
def test_what_leads_elsewhere_is_no_id(text: str) -> None:
    assert not is_coin_id(text)


def test_a_text_is_cut_and_loses_what_nobody_sees() -> None:
    fields = Fields(
        {"name": " Pe\u200bpe\u202e ", "about": "One.\r\n\x00Two.\x1b[31m", "long": "x" * 201}, NOW_MS
    )
    assert fields.text("name") == "Pepe"
    assert fields.description("about") == "One.\nTwo.[31m"
    with pytest.raises(UnreadableField, match="long"):
        fields.text("long")
