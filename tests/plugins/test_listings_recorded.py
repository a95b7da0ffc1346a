"""What the providers really sent, through the real adapters, value for value."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from plugins.listings.base import Coin
from plugins.listings.coingecko import CoinGecko
from plugins.listings.coinmarketcap import CoinMarketCap
from tests.listings import LocalListings, Reply
from tests.listings.held import coinmarketcap_status
from tests.listings.recordings import (
    OF_COINGECKO,
    OF_COINMARKETCAP,
    Recording,
    coingecko,
    coingecko_recordings,
    coinmarketcap,
)
from utils.clock import Clock
from utils.errors import UpstreamDown, UpstreamError, UpstreamGarbage

Questions = dict[str, Callable[[CoinGecko], Awaitable[Any]]]
QUESTIONS: Questions = {
    "top": lambda provider: provider.fetch_top(50),
    "coin": lambda provider: provider.fetch_coin("bitcoin"),
    "history": lambda provider: provider.fetch_history("bitcoin", days=30),
}


@pytest.fixture
async def local() -> AsyncIterator[LocalListings]:
    async with LocalListings() as opened:
        yield opened


@pytest.fixture
async def gecko(local: LocalListings) -> AsyncIterator[CoinGecko]:
    provider = CoinGecko(Clock(), key="", endpoint=local.endpoint)
    await provider.open()
    yield provider
    await provider.close()


@pytest.fixture
async def marketcap(local: LocalListings) -> AsyncIterator[CoinMarketCap]:
    provider = CoinMarketCap(Clock(), key="a-key", endpoint=local.endpoint)
    await provider.open()
    yield provider
    await provider.close()


def milliseconds(text: str) -> int:
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1_000)


def as_recorded(coin: Coin, recorded: dict[str, Any], names: dict[str, str]) -> None:
    for ours, theirs in names.items():
        value = recorded[theirs]
        expected = milliseconds(value) if isinstance(value, str) else value
        assert getattr(coin.figures, ours) == expected, ours


async def test_every_recorded_list_of_coingecko_arrives_value_for_value(
    local: LocalListings, gecko: CoinGecko
) -> None:
    lists = [recording for recording in coingecko("coins/markets") if recording.status == 200]
    assert len(lists) == 3
    for recording in lists:
        local.always(Reply(recording.body))
        page = await gecko.fetch_top(len(recording.value))
        assert not page.refused
        for coin, recorded in zip(page.coins, recording.value, strict=True):
            as_recorded(coin, recorded, OF_COINGECKO)
            given = (coin.coin_id, coin.name, coin.rank, coin.image_url, coin.symbol)
            assert given == (
                recorded["id"],
                recorded["name"],
                recorded["market_cap_rank"],
                recorded["image"],
                recorded["symbol"].upper(),
            )
            assert coin.figures.change_7d_percent is None


async def test_what_was_null_stays_unsaid(local: LocalListings, gecko: CoinGecko) -> None:
    (both,) = [recording for recording in coingecko("coins/markets") if "ethereum" in recording.url]
    local.always(Reply(both.body))
    ether = (await gecko.fetch_top(2)).coins[1]
    assert ether.figures.max_supply is None
    assert ether.figures.fully_diluted_valuation is None
    assert ether.figures.price == 1.0


@pytest.mark.parametrize(
    ("beginning", "coin_id"), [("coins/bitcoin", "bitcoin"), ("coins/ethereum", "tether")]
)
async def test_a_recorded_coin_arrives_in_full(
    local: LocalListings, gecko: CoinGecko, beginning: str, coin_id: str
) -> None:
    recording = coingecko(beginning)[0]
    local.always(Reply(recording.body))
    coin = await gecko.fetch_coin(coin_id)
    recorded, market = recording.value, recording.value["market_data"]
    whole = {
        **{
            name: value["usd"] if isinstance(value, dict) and "usd" in value else value
            for name, value in market.items()
        },
        "fully_diluted_valuation": market["fully_diluted_valuation"].get("usd"),
        "max_supply": market.get("max_supply"),
    }
    as_recorded(coin, whole, OF_COINGECKO)
    for ours, period in (("1h", "1h"), ("24h", "24h"), ("7d", "7d"), ("30d", "30d")):
        change = market[f"price_change_percentage_{period}_in_currency"]["usd"]
        assert getattr(coin.figures, f"change_{ours}_percent") == change
    assert coin.image_url == recorded["image"]["large"]
    assert coin.description.split() == recorded["description"]["en"].split()
    links = [link.url for link in coin.links if link.kind == "homepage"]
    assert links == [url for url in recorded["links"]["homepage"] if url]
    sources = [link.url for link in coin.links if link.kind == "source"]
    assert sources == recorded["links"]["repos_url"]["github"]


async def test_every_recorded_history_arrives_point_for_point(local: LocalListings, gecko: CoinGecko) -> None:
    charts = [recording for recording in coingecko("coins/bitcoin/market_chart") if recording.status == 200]
    assert len(charts) == 4
    for recording in charts:
        local.always(Reply(recording.body))
        points = await gecko.fetch_history("bitcoin", days=1)
        # The newest two points of a day came the wrong way round.
        recorded = {name: sorted(rows) for name, rows in recording.value.items()}
        assert [[point.time_ms, point.price] for point in points] == recorded["prices"]
        assert [[point.time_ms, point.market_cap] for point in points] == recorded["market_caps"]
        assert [[point.time_ms, point.volume] for point in points] == recorded["total_volumes"]


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_recorded_error_is_an_error_of_ours(
    local: LocalListings, gecko: CoinGecko, question: str
) -> None:
    errors = [recording for recording in coingecko_recordings() if recording.status != 200]
    assert {recording.status for recording in errors} == {422, 500}
    for recording in errors:
        local.always(Reply(recording.body, recording.status))
        with pytest.raises(UpstreamDown) as raised:
            await QUESTIONS[question](gecko)
        word = "does not understand" if recording.status == 422 else "error of its own"
        assert word in raised.value.detail, recording.url


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_answer_to_another_question_is_never_taken_for_more_than_it_is(
    local: LocalListings, gecko: CoinGecko, question: str
) -> None:
    def own(recording: Recording) -> bool:
        parts = {"top": "coins/markets", "coin": "coins/bitcoin", "history": "market_chart"}
        return parts[question] in recording.url

    for recording in coingecko_recordings():
        if own(recording) or recording.status != 200:
            continue
        local.always(Reply(recording.body))
        try:
            answer = await QUESTIONS[question](gecko)
        except UpstreamError:
            continue
        # Exchanges, and the list of all coins, have an id, a symbol and a name, and not one figure.
        assert question == "top", recording.url
        assert all(coin.figures.price is None for coin in answer.coins), recording.url


async def test_every_recorded_quote_of_coinmarketcap_arrives_value_for_value(
    local: LocalListings, marketcap: CoinMarketCap
) -> None:
    recorded = coinmarketcap("quotes_latest")
    assert len(recorded["data"]) == 10
    about = {"status": coinmarketcap_status(), "data": {coin_id: {} for coin_id in recorded["data"]}}
    local.say = lambda call: Reply(about if call.path.endswith("info") else recorded)
    for coin_id, entry in recorded["data"].items():
        coin = await marketcap.fetch_coin(coin_id)
        as_recorded(coin, entry["quote"]["USD"], OF_COINMARKETCAP)
        supplies = [entry[name] for name in ("circulating_supply", "total_supply", "max_supply")]
        figures = coin.figures
        assert [figures.circulating_supply, figures.total_supply, figures.max_supply] == supplies
        assert (coin.coin_id, coin.slug, coin.rank) == (str(entry["id"]), entry["slug"], entry["cmc_rank"])


async def test_recorded_quotes_in_a_list_come_by_rank(local: LocalListings, marketcap: CoinMarketCap) -> None:
    recorded = coinmarketcap("quotes_latest")
    local.always(Reply({**recorded, "data": list(recorded["data"].values())}))
    page = await marketcap.fetch_top(200)
    assert [coin.rank for coin in page.coins] == sorted(
        entry["cmc_rank"] for entry in recorded["data"].values()
    )
    assert {coin.coin_id for coin in page.coins} == set(recorded["data"])


async def test_a_recorded_map_is_no_list_of_figures(local: LocalListings, marketcap: CoinMarketCap) -> None:
    local.always(Reply(coinmarketcap("map")))
    with pytest.raises(UpstreamGarbage):
        await marketcap.fetch_top(10)
