"""``timeframe=auto``: the service chooses how long a bar is, and answers as if that had been asked for."""

import json
from typing import Any

import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

from middleware.context import EXTENSION
from tests.early import ask

PLACE = "market=simulated&exchange=simex&symbol=BTC/USD"
# The simulated exchange has 1s, 5s, 15s, 1m, 5m, 15m, 30m, 1h, 4h and 1d; longer ones are built.
MONTH = "since=2024-02-01&until=2024-03-01"
DAY = "since=2025-01-01&until=2025-01-02"


async def answer_of(client: Client, query: str, route: str = "/market/fetch_ohlcv") -> dict[str, Any]:
    response = await client.get(f"{route}?{PLACE}&{query}")
    text = (await response.get_data()).decode()
    assert response.status_code == 200, text
    return json.loads(text)


@pytest.mark.parametrize(
    ("span", "points", "chosen", "count"),
    [
        (MONTH, "", "1h", 696),
        (MONTH, "&points=29", "1d", 29),
        (MONTH, "&points=28", "1w", 4),
        (MONTH, "&points=1", "1M", 1),
        (DAY, "", "5m", 288),
        (DAY, "&points=1440", "1m", 1440),
        ("since=2025-01-01T00:00Z&until=2025-01-01T00:15Z", "", "1s", 900),
    ],
)
async def test_the_answer_says_which_timeframe_was_chosen(
    client: Client, span: str, points: str, chosen: str, count: int
) -> None:
    answer = await answer_of(client, f"timeframe=auto&{span}{points}")
    assert (answer["timeframe"], len(answer["ohlcv"]), answer["next"]) == (chosen, count, None)
    asked = await answer_of(client, f"timeframe={chosen}&{span}&limit=5000")
    assert answer["ohlcv"] == asked["ohlcv"]


async def test_every_shape_says_it_and_so_does_the_description(client: Client) -> None:
    for shape in ("native", "highcharts", "lightweight"):
        assert (await answer_of(client, f"timeframe=auto&{DAY}&format={shape}"))["timeframe"] == "5m"
    assert (await answer_of(client, f"timeframe=auto&{DAY}&format=candles"))["interval"] == "5m"
    for shape in ("rows", "columns", "csv"):
        response = await client.get(f"/market/fetch_ohlcv?{PLACE}&timeframe=auto&{DAY}&format={shape}")
        assert response.headers["X-Timeframe"] == "5m"
    described = await answer_of(client, f"timeframe=auto&{DAY}", "/market/describe")
    assert (described["timeframe"]["id"], described["bars_count"]) == ("5m", 288)
    spoken = await answer_of(client, f"timeframe=auto&{DAY}&include=accessibility")
    assert spoken["accessibility"]["timeframe"]["id"] == spoken["timeframe"] == "5m"


async def test_a_chosen_timeframe_and_a_named_one_are_one_answer(app: Quart) -> None:
    # The first to ask brings the bars, which is a change; the second answer is kept.
    chosen = [await ask(app, f"{PLACE}&timeframe=auto&{DAY}") for _ in range(2)][-1]
    made = app.extensions[EXTENSION].answers.counts.made
    named = await ask(app, f"{PLACE}&timeframe=5m&{DAY}&limit=1000")
    assert (named.body, named.header("etag")) == (chosen.body, chosen.header("etag"))
    assert app.extensions[EXTENSION].answers.counts.made == made
    again = await ask(app, f"{PLACE}&timeframe=auto&{DAY}", [("if-none-match", chosen.header("etag") or "")])
    assert (again.status, again.body) == (304, b"")


async def test_another_number_of_points_is_another_answer(app: Quart) -> None:
    tags = set()
    for points in ("", "&points=288", "&points=287", "&points=96", "&points=95"):
        for _ in range(2):
            seen = await ask(app, f"{PLACE}&timeframe=auto&{DAY}{points}")
        tags.add((json.loads(seen.body)["timeframe"], seen.header("etag")))
    assert {timeframe for timeframe, _ in tags} == {"5m", "15m", "30m"}
    assert len(tags) == 3


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("timeframe=auto", "timeframe=auto needs since and until: the timeframe follows from the span."),
        (
            "timeframe=auto&since=2025-01-01",
            "timeframe=auto needs since and until: the timeframe follows from the span.",
        ),
        (
            f"timeframe=auto&{DAY}&limit=5",
            "limit needs a timeframe that is named; with timeframe=auto, points says how many.",
        ),
        (
            "timeframe=1h&points=5",
            "points needs timeframe=auto; limit bounds the bars of a timeframe that is named.",
        ),
        (f"timeframe=auto&{DAY}&points=5001", "points must be at most 5000."),
        (f"timeframe=auto&{DAY}&points=0", "points must be at least 1."),
    ],
)
async def test_what_leaves_no_choice_or_two_is_refused(client: Client, query: str, detail: str) -> None:
    response = await client.get(f"/market/fetch_ohlcv?{PLACE}&{query}")
    assert (response.status_code, (await response.get_json())["detail"]) == (422, detail)


async def test_many_points_are_not_said_one_by_one(client: Client) -> None:
    response = await client.get(f"/market/describe?{PLACE}&timeframe=auto&{DAY}&say=window")
    detail = "points must be at most 500 where say asks for every bar in words."
    assert (response.status_code, (await response.get_json())["detail"]) == (422, detail)


async def test_an_exchange_that_is_not_there_is_named(client: Client) -> None:
    path = f"/market/fetch_ohlcv?market=simulated&exchange=simx&symbol=BTC/USD&timeframe=auto&{DAY}"
    response = await client.get(path)
    assert (response.status_code, (await response.get_json())["code"]) == (404, "unknown_exchange")
