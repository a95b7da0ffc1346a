"""Search as clients see it, on the simulated market."""

from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client

TWINS = ("/market/search", "/api/v1/market/search")


async def found(client: Client, query: str, root: str = TWINS[0]) -> dict[str, Any]:
    response = await client.get(f"{root}?market=simulated&{query}")
    answer: dict[str, Any] = await response.get_json()
    assert response.status_code == 200, answer
    return answer


@pytest.mark.parametrize("root", TWINS)
async def test_the_best_comes_first_and_says_how_it_fits(client: Client, root: str) -> None:
    answer = await found(client, "query=bitcoin", root)
    assert answer["query"] == "bitcoin"
    assert answer["unread"] == []
    assert [(each["symbol"], each["match"]) for each in answer["instruments"]] == [("BTC/USD", "exact")]
    assert answer["instruments"][0]["name"] == "Bitcoin"


@pytest.mark.parametrize(
    ("text", "symbol", "match"),
    [
        ("BTC/USD", "BTC/USD", "symbol"),
        ("btc-usd", "BTC/USD", "symbol"),
        ("PEPEUSDT", "PEPE/USDT", "symbol"),
        ("simex:eth", "ETH/USD", "exact"),
        ("ethereum dollar", "ETH/USD", "exact"),
        ("doge", "DOGE/USD", "exact"),
        ("dogeco", "DOGE/USD", "prefix"),
        ("tether", "PEPE/USDT", "word"),
        ("slana", "SOL/USD", "typo"),
        ("etherium", "ETH/USD", "typo"),
    ],
)
async def test_what_people_type_finds_what_they_mean(
    client: Client, text: str, symbol: str, match: str
) -> None:
    first = (await found(client, f"query={text}"))["instruments"][0]
    assert (first["symbol"], first["match"]) == (symbol, match)


async def test_nothing_is_invented_for_what_nobody_lists(client: Client) -> None:
    assert (await found(client, "query=zzzzzz"))["instruments"] == []
    assert (await found(client, "query=%25%26%2F"))["instruments"] == []


async def test_no_text_is_a_question_for_everything_up_to_the_limit(client: Client) -> None:
    assert len((await found(client, "query=&limit=3"))["instruments"]) == 3
    assert len((await found(client, "query="))["instruments"]) == 7
    assert (await found(client, "query=&kind=perpetual"))["instruments"] == []


async def test_places_that_are_not_there_are_named(client: Client) -> None:
    for query, code in (
        ("market=nowhere", "unknown_market"),
        ("market=simulated&exchange=simx", "unknown_exchange"),
    ):
        response = await client.get(f"/market/search?query=btc&{query}")
        assert response.status_code == 404
        assert (await response.get_json())["code"] == code


async def test_what_was_fetched_is_ranked_by_its_trade(client: Client) -> None:
    # The list of the service was read before any bar was: a new service finds the turnover at once.
    bars = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=SOL/USD&timeframe=1h&limit=30"
    assert (await client.get(bars)).status_code == 200
    first, *others = (await found(client, "query=usd"))["instruments"]
    assert first["symbol"] == "SOL/USD"
    assert first["daily_turnover_usd"] > 0
    assert {each["daily_turnover_usd"] for each in others} == {None}
