"""What the market routes say in words: shape, languages, caching, and what they refuse."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from quart import Quart
from quart.testing import app as testing
from quart.typing import TestClientProtocol as Client

from app import create_app
from config import Config
from middleware.context import EXTENSION
from tests.api.closing_market import AWAY_FROM_MS
from tests.early import SLOWLY, Headers, ask
from utils.clock import Clock

NOW_MS = 1_709_296_496_000  # 2024-03-01T12:34:56Z
CLOCK = Clock(now_ms=lambda: NOW_MS)
TWINS = ("/market", "/api/v1/market")
BITCOIN = "market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h"
DAY = f"{BITCOIN}&since=2024-02-28&until=2024-02-29"
MEMBERS = [
    *("schema", "data_hash", "market", "exchange", "symbol", "timeframe", "lang", "dir", "time_zone"),
    *("verbosity", "price_step", "bars_count", "first_open_time_ms", "last_open_time_ms", "last_bar_state"),
    *("revision", "as_of_ms", "stale", "gaps_count", "gaps", "summary", "sentences", "facts", "landmarks"),
    *("segments", "patterns", "sonification"),
]


@pytest.fixture
async def app(config: Config) -> AsyncIterator[Quart]:
    """The app, serving, whose clock stands still."""
    created = create_app(config, CLOCK)
    created.config["PROPAGATE_EXCEPTIONS"] = False
    async with testing.TestApp(created):
        yield created


async def described(client: Client, query: str, *, root: str = TWINS[0]) -> dict[str, Any]:
    response = await client.get(f"{root}/describe?{query}")
    assert response.status_code == 200, await response.get_data()
    assert response.headers["Content-Type"] == "application/json"
    answer: dict[str, Any] = json.loads(await response.get_data())
    return answer


async def test_a_description_says_what_it_is_under_both_paths(client: Client) -> None:
    answer = await described(client, DAY)
    assert list(answer) == MEMBERS
    assert answer["schema"] == "accessibility/1"
    assert answer["symbol"] == {
        "id": "BTC/USD",
        "spoken": "Bitcoin in US dollars",
        "short": "Bitcoin",
        "spelled": "B T C, U S D",
    }
    assert answer["timeframe"] == {"id": "1h", "spoken": "1 hour"}
    assert (answer["bars_count"], answer["price_step"]) == (24, "0.01")
    assert (answer["stale"], answer["last_bar_state"], answer["gaps_count"]) == (False, "closed", 0)
    assert {sentence["level"] for sentence in answer["sentences"]} == {1, 2, 3}
    assert await described(client, DAY, root=TWINS[1]) == answer


async def test_every_fact_that_is_cited_is_there_and_no_other(client: Client) -> None:
    answer = await described(client, f"{BITCOIN}&limit=300&verbosity=full")
    there = {fact["id"] for fact in answer["facts"]}
    sayers = ("sentences", "landmarks", "segments", "patterns", "gaps")
    said = [each for name in sayers for each in answer[name]]
    assert all(each["facts"] for each in said)
    assert there == {name for each in [*said, answer["summary"]] for name in each["facts"]}


async def test_the_forming_bar_is_said_to_be_forming(client: Client) -> None:
    answer = await described(client, f"{BITCOIN}&limit=5")
    assert answer["last_bar_state"] == "forming"
    assert any("is still forming" in text for text in answer["summary"]["level_1"])


async def test_each_bar_can_be_heard_in_three_ways(client: Client) -> None:
    answer = await described(client, f"{BITCOIN}&limit=3&say=window")
    assert [bar["state"] for bar in answer["bars"]] == ["closed", "closed", "forming"]
    assert [bar["bar"] for bar in answer["bars"]] == [0, 1, 2]
    assert list(answer["bars"][0]["say"]) == ["brief", "normal", "full"]
    assert "Still forming." in answer["bars"][2]["say"]["full"]


async def test_gaps_are_said_with_their_reason(client: Client) -> None:
    quiet = "market=simulated&exchange=simex&symbol=QUIET/USD&timeframe=1m&since=2024-02-01&limit=60"
    answer = await described(client, quiet)
    assert answer["gaps_count"] > 1
    assert {gap["reason"] for gap in answer["gaps"]} == {"no_trades"}
    assert all("nothing was traded" in gap["text"] for gap in answer["gaps"])
    before = await described(
        client, "market=simulated&exchange=simex&symbol=EUR/USD&timeframe=1d&until=2023-12-31"
    )
    assert before["bars_count"] == 0
    assert before["summary"]["brief"] == "euro in US dollars: no bars."


async def test_bars_that_may_be_old_are_said_to_be(config: Config) -> None:
    times_ms = [AWAY_FROM_MS - 30_000]
    created = create_app(
        replace(config, plugins=("tests.api.closing_market",)), Clock(now_ms=lambda: times_ms[-1])
    )
    async with testing.TestApp(created):
        client = created.test_client()
        query = BITCOIN.replace("simulated", "closing")
        fresh = await described(client, f"{query}&since=2024-03-01&until=2024-03-01T06:00:00Z")
        assert fresh["stale"] is False
        times_ms.append(AWAY_FROM_MS + 30_000)
        response = await client.get(f"/market/describe?{query}&since=2024-02-29&until=2024-03-01T06:00:00Z")
        answer = json.loads(await response.get_data())
    assert answer["stale"] is True
    assert response.headers["Cache-Control"] == "no-store"
    assert answer["summary"]["brief"].endswith("This may be old.")
    assert any("The exchange could not be asked just now." in text for text in answer["summary"]["level_1"])


async def test_the_language_is_the_one_wished_for_or_named(client: Client) -> None:
    wished = await client.get(f"/market/describe?{DAY}", headers={"Accept-Language": "de-AT, en;q=0.5"})
    assert wished.headers["Content-Language"] == "de"
    assert "Accept-Language" in wished.headers["Vary"]
    german = json.loads(await wished.get_data())
    named = await client.get(f"/market/describe?{DAY}&locale=de", headers={"Accept-Language": "fr"})
    assert named.headers["Content-Language"] == "de"
    assert "Accept-Language" not in named.headers.get("Vary", "")
    assert json.loads(await named.get_data()) == german
    plain = await described(client, DAY)
    assert plain["lang"] == "en"
    assert plain["data_hash"] == german["data_hash"]
    arabic = await described(client, f"{DAY}&locale=ar")
    assert (arabic["lang"], arabic["dir"]) == ("ar", "rtl")


async def test_languages_do_not_meet_in_the_cache(client: Client) -> None:
    for _ in range(3):
        for language in ("en", "pl", "ja"):
            response = await client.get(f"/market/describe?{DAY}", headers={"Accept-Language": language})
            assert json.loads(await response.get_data())["lang"] == language


@pytest.mark.parametrize("headers", [(), (("if-none-match", "*"),)])
async def test_a_named_language_is_said_the_same_early_and_late(app: Quart, headers: Headers) -> None:
    query = f"{DAY}&locale=de"
    for _ in range(2):
        await ask(app, query, path="/market/describe")
    hits = app.extensions[EXTENSION].answers.counts.hits
    early = await ask(app, query, headers, path="/market/describe")
    assert app.extensions[EXTENSION].answers.counts.hits == hits + 1
    slow = await ask(app, query, [*headers, SLOWLY], path="/market/describe")
    assert (early.status, early.body, early.header("etag")) == (slow.status, slow.body, slow.header("etag"))
    assert early.header("content-language") == slow.header("content-language")


async def test_times_are_those_of_the_zone(client: Client) -> None:
    here = await described(client, f"{DAY}&time_zone=Asia/Tokyo")
    assert here["time_zone"] == "Asia/Tokyo"
    assert "28 February, 09:00" in here["summary"]["level_1"][0]


async def test_verbosity_decides_how_much_is_said(client: Client) -> None:
    counts = [
        len((await described(client, f"{DAY}&verbosity={verbosity}"))["sentences"])
        for verbosity in ("brief", "normal", "full")
    ]
    assert 0 < counts[0] < counts[1] < counts[2]


@pytest.mark.parametrize("path", [f"describe?{DAY}", f"fetch_ohlcv?{DAY}&include=accessibility"])
async def test_asking_with_the_tag_costs_no_body(client: Client, path: str) -> None:
    headers = {"Accept-Language": "fr"}
    first = await client.get(f"/market/{path}", headers=headers)
    tagged = headers | {"If-None-Match": first.headers["ETag"]}
    again = await client.get(f"/market/{path}", headers=tagged)
    assert (again.status_code, await again.get_data()) == (304, b"")
    assert "Accept-Language" in again.headers["Vary"]
    other = await client.get(f"/market/{path}", headers=tagged | {"Accept-Language": "de"})
    assert other.status_code == 200


@pytest.mark.parametrize("path", [f"describe?{DAY}", f"fetch_ohlcv?{DAY}&include=accessibility"])
async def test_the_tag_stays_while_only_the_time_changes(config: Config, path: str) -> None:
    times_ms = [NOW_MS]
    created = create_app(replace(config, answer_cache_mb=0), Clock(now_ms=lambda: times_ms[-1]))
    async with testing.TestApp(created):
        client = created.test_client()
        first = await client.get(f"/market/{path}")
        times_ms.append(NOW_MS + 1_000)
        second = await client.get(f"/market/{path}")
        assert await first.get_data() != await second.get_data()
        assert first.headers["ETag"] == second.headers["ETag"]


@pytest.mark.parametrize("shape", ["highcharts", "native", "candles", "lightweight"])
async def test_every_shape_in_json_can_carry_the_description(client: Client, shape: str) -> None:
    without = json.loads(await (await client.get(f"/market/fetch_ohlcv?{DAY}&format={shape}")).get_data())
    path = f"/market/fetch_ohlcv?{DAY}&format={shape}&include=accessibility,sonification"
    carrying = json.loads(await (await client.get(path)).get_data())
    assert carrying.pop("accessibility") == await described(client, DAY)
    assert carrying == without


async def test_sound_is_left_out_where_the_rows_are_there(client: Client) -> None:
    path = f"/market/fetch_ohlcv?{DAY}&include=accessibility"
    answer = json.loads(await (await client.get(path)).get_data())
    assert list(answer["accessibility"]["sonification"]) == ["scale", "price_domain", "volume_domain"]


NO_LANGUAGE = "There is no language xx here. Ask for one of en, de, fr, pl, ja, ar."
NO_ZONE = "There is no time zone Moon/Base. Write UTC or a name such as Europe/Berlin."
VERBOSITIES = "verbosity must be brief, normal or full."
NEED_INCLUDE = "locale, time_zone and verbosity need include=accessibility."
NO_ROOM = "include needs an answer that is an object: {} has no room for it. Ask /market/describe."
TOO_LONG = "limit must be at most 500 where say asks for every bar in words."


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"describe?{DAY}&locale=xx", NO_LANGUAGE),
        (f"describe?{DAY}&time_zone=Moon/Base", NO_ZONE),
        (f"describe?{DAY}&verbosity=loud", VERBOSITIES),
        (f"describe?{DAY}&say=window&limit=501", TOO_LONG),
        (f"describe?{DAY}&say=all", "say must be none or window."),
        (f"describe?{DAY}&format=csv", "There is no parameter format. Leave it out."),
        (f"describe?{BITCOIN}&since=2024-02-02&until=2024-02-01", "until must be later than since."),
        (f"fetch_ohlcv?{DAY}&include=accessibility&locale=xx", NO_LANGUAGE),
        *(
            (f"fetch_ohlcv?{DAY}&include=accessibility&format={table}", NO_ROOM.format(table))
            for table in ("rows", "columns", "csv")
        ),
        (f"fetch_ohlcv?{DAY}&include=braille", "include.0 must be accessibility or sonification."),
        (f"fetch_ohlcv?{DAY}&locale=de", NEED_INCLUDE),
    ],
)
async def test_what_does_not_fit_is_refused_with_a_sentence(client: Client, path: str, sentence: str) -> None:
    for root in TWINS:
        response = await client.get(f"{root}/{path}")
        problem = json.loads(await response.get_data())
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (response.status_code, problem["code"]) == (422, "invalid_request")
        assert problem["detail"] == sentence


async def test_an_unknown_symbol_is_not_described(client: Client) -> None:
    response = await client.get(f"/market/describe?{DAY}".replace("BTC/USD", "NO/SUCH"))
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"
