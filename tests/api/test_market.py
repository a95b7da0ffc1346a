"""The market routes on the simulated market, at one instant for ever: what is answered."""

import csv
import io
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import pytest
from quart import Quart
from quart.testing import app as testing
from quart.typing import TestClientProtocol as Client

from app import create_app
from config import Config
from plugins.base import PluginContext
from plugins.simulated import create_plugin
from tests.api.closing_market import AWAY_FROM_MS
from utils.clock import Clock
from utils.domain import Instrument, Timeframe

NOW_MS = 1_709_296_496_000  # 2024-03-01T12:34:56Z, two months after the market opened
CLOCK = Clock(now_ms=lambda: NOW_MS)
TWINS = ("/market", "/api/v1/market")
FORMATS = ("native", "highcharts", "candles", "lightweight", "rows", "columns", "csv")
# What these say of themselves is in their headers.
TABLES = ("rows", "columns", "csv")
NUMBERS = ("open", "high", "low", "close", "volume")
OUTAGE = {"start_ms": 1709164800000, "end_ms": 1709251200000, "reason": "outage"}

Row = tuple[float, ...]


@pytest.fixture
async def app(config: Config) -> AsyncIterator[Quart]:
    """The app, serving, whose clock stands still."""
    created = create_app(config, CLOCK)
    created.config["PROPAGATE_EXCEPTIONS"] = False
    async with testing.TestApp(created):
        yield created


def bars_path(
    query: str = "", *, shape: str | None = None, symbol: str = "BTC/USD", root: str = TWINS[0]
) -> str:
    path = f"{root}/fetch_ohlcv?market=simulated&exchange=simex&symbol={symbol}{query}"
    return path if shape is None else f"{path}&format={shape}"


async def answer_of(client: Client, path: str) -> tuple[dict[str, Any], str]:
    """Return an answer as JSON and text; a table becomes its rows and what its headers say."""
    response = await client.get(path)
    text = (await response.get_data()).decode()
    assert response.status_code == 200, text
    headers = response.headers
    csv_asked = "format=csv" in path
    assert headers["Content-Type"] == ("text/csv; charset=utf-8" if csv_asked else "application/json")
    if not any(f"format={shape}" in path for shape in TABLES):
        return json.loads(text), text
    rows: Any = (
        list(csv.DictReader(io.StringIO(text, newline=""), strict=True)) if csv_asked else json.loads(text)
    )
    facts = {
        "stale": {"true": True, "false": False}[headers["X-Stale"]],
        "next": headers.get("X-Next"),
        "gap_count": int(headers["X-Gap-Count"]),
        "link": headers.get("Link"),
        "timeframe": headers["X-Timeframe"],
    }
    return {"rows": rows, **facts}, text


def rows_in(shape: str, answer: dict[str, Any]) -> list[Row]:
    """Return the bars of an answer as numbers, whatever its shape."""
    if shape == "highcharts":
        return [tuple(row) for row in answer["ohlcv"]]
    if shape == "native":
        return [(bar["open_time_ms"], *(float(bar[name]) for name in NUMBERS)) for bar in answer["bars"]]
    if shape == "candles":
        return [(bar["timestamp"], *(bar[name] for name in NUMBERS)) for bar in answer["candles"]]
    if shape in ("rows", "columns"):
        rows = answer["rows"] if shape == "rows" else zip(*answer["rows"], strict=True)
        return [tuple(row) for row in rows][1:]
    if shape == "csv":
        return [
            (datetime.fromisoformat(row["time"]).timestamp() * 1000, *(float(row[name]) for name in NUMBERS))
            for row in answer["rows"]
        ]
    volumes = {each["time"]: each["value"] for each in answer["volume"]}
    return [
        (bar["time"] * 1000, *(bar[name] for name in NUMBERS[:4]), volumes[bar["time"]])
        for bar in answer["bars"]
        if "open" in bar
    ]


async def test_the_markets_exchanges_and_symbols_are_listed(client: Client) -> None:
    for root in TWINS:
        exchanges = await client.get(f"{root}/get_exchanges?market=simulated")
        assert (exchanges.status_code, await exchanges.get_json()) == (200, ["simex"])
        symbols = await (await client.get(f"{root}/get_symbols?market=simulated&exchange=simex")).get_json()
        assert symbols == sorted(symbols)
        assert {"BTC/USD", "PEPE/USDT", "QUIET/USD"} <= set(symbols)


async def test_an_answer_says_what_it_is_and_what_its_columns_are(client: Client) -> None:
    answer, _ = await answer_of(client, bars_path("&timeframe=1h&limit=3"))
    rows = answer.pop("ohlcv")
    assert answer == {
        "market": "simulated",
        "exchange": "simex",
        "symbol": "BTC/USD",
        "timeframe": "1h",
        "columns": ["open_time_ms", "open", "high", "low", "close", "volume"],
        "last_bar_state": "forming",
        "revision": 0,
        "as_of_ms": NOW_MS,
        "stale": False,
        "gaps": [],
        "next": None,
    }
    assert [row[0] for row in rows] == [1709287200000, 1709290800000, 1709294400000]


async def test_bars_are_those_of_the_exchange(client: Client) -> None:
    exchange = create_plugin(PluginContext(CLOCK))
    for symbol, text in (("BTC/USD", "1h"), ("PEPE/USDT", "5m"), ("QUIET/USD", "1m")):
        start_ms = NOW_MS - 40 * Timeframe.parse(text).approximate_ms
        instrument = Instrument("simulated", "simex", symbol)
        page = await exchange.fetch_bars(instrument, Timeframe.parse(text), start_ms=start_ms, limit=40)
        answer, _ = await answer_of(client, bars_path(f"&timeframe={text}&since={start_ms}", symbol=symbol))
        assert rows_in("highcharts", answer) == list(page.rows)


# Forming and closed bars, tiny prices, silent minutes, weeks that we derive, times before there was a market.
QUESTIONS = (
    ("BTC/USD", "&timeframe=1h&limit=30"),
    ("BTC/USD", "&timeframe=60&since=2024-02-01&until=2024-02-02"),
    ("PEPE/USDT", "&timeframe=1m&limit=50"),
    ("QUIET/USD", "&timeframe=1m&since=2024-02-01&until=2024-02-01T05:00:00Z"),
    ("ETH/USD", "&timeframe=1w&limit=6"),
    ("SOL/USD", "&timeframe=1M&limit=3"),
    ("EUR/USD", "&timeframe=1d&since=2023-12-20&until=2024-01-10"),
    ("DOGE/USD", "&timeframe=1h&since=2020-01-01&until=2020-01-02"),
)


@pytest.mark.parametrize(("symbol", "query"), QUESTIONS)
async def test_every_shape_carries_the_same_bars_under_both_paths(
    client: Client, symbol: str, query: str
) -> None:
    truth, _ = await answer_of(client, bars_path(query, symbol=symbol))
    rows = rows_in("highcharts", truth)
    for shape in FORMATS:
        answer, text = await answer_of(client, bars_path(query, shape=shape, symbol=symbol))
        assert rows_in(shape, answer) == rows, shape
        assert answer["stale"] is False
        assert answer["next"] == truth["next"]
        gaps = answer["gap_count"] if shape in TABLES else len(answer["gaps"])
        assert gaps == len(truth["gaps"])
        twin = await answer_of(client, bars_path(query, shape=shape, symbol=symbol, root=TWINS[1]))
        assert twin == (answer, text)


async def test_highcharts_is_the_shape_that_nobody_has_to_name(client: Client) -> None:
    unnamed = await answer_of(client, bars_path("&timeframe=1h&limit=5"))
    assert unnamed == await answer_of(client, bars_path("&timeframe=1h&limit=5", shape="highcharts"))


async def test_native_bars_say_all_of_themselves_without_an_exponent(client: Client) -> None:
    answer, text = await answer_of(
        client, bars_path("&timeframe=1h&limit=4", shape="native", symbol="PEPE/USDT")
    )
    assert answer["price_step"] == "0.00000001"
    assert answer["timeframe"] == "1h"
    assert [bar["state"] for bar in answer["bars"]] == ["closed", "closed", "closed", "forming"]
    assert {(bar["revision"], bar["source"]) for bar in answer["bars"]} == {(0, "simulated")}
    assert all(bar["open"].startswith("0.0000") for bar in answer["bars"])
    assert "e-" not in text
    derived, _ = await answer_of(client, bars_path("&timeframe=1w&limit=2", shape="native"))
    assert {bar["source"] for bar in derived["bars"]} == {"derived"}


async def test_candles_tell_whether_they_have_closed(client: Client) -> None:
    answer, _ = await answer_of(client, bars_path("&timeframe=60&limit=3", shape="candles"))
    assert (answer["symbol"], answer["interval"]) == ("BTC/USD", "1h")
    assert [candle["closed"] for candle in answer["candles"]] == [True, True, False]


async def test_lightweight_keeps_room_for_minutes_without_trades(client: Client) -> None:
    question = "&timeframe=1m&since=2024-02-01&until=2024-02-01T03:00:00Z"
    answer, _ = await answer_of(client, bars_path(question, shape="lightweight", symbol="QUIET/USD"))
    times = [point["time"] for point in answer["bars"]]
    # One point a minute, whether anything was traded in it or not.
    assert times == list(range(times[0], times[0] + 3 * 3600, 60))
    assert 0 < sum("open" not in point for point in answer["bars"]) < len(times)
    assert {gap["reason"] for gap in answer["gaps"]} == {"no_trades"}


async def test_csv_comes_as_a_file_with_its_name(client: Client) -> None:
    for method in ("HEAD", "GET"):
        response = await client.open(bars_path("&timeframe=1h&limit=2", shape="csv"), method=method)
        assert response.headers["Content-Disposition"] == 'attachment; filename="simex-BTC-USD-1h.csv"'
        assert response.headers["X-As-Of"] == "2024-03-01T12:34:56Z"
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (await response.get_data()).count(b"\r\n") == 3


@pytest.mark.parametrize("root", TWINS)
async def test_following_the_cursor_brings_every_bar_once(client: Client, root: str) -> None:
    question = "&timeframe=1h&since=2024-02-01&until=2024-02-02T06:00:00Z"
    whole, _ = await answer_of(client, bars_path(question))
    for shape in FORMATS:
        found: list[Row] = []
        path: str | None = bars_path(f"{question}&limit=7", shape=shape, root=root)
        for _ in itertools.repeat(None, 10):
            assert path is not None
            answer, _ = await answer_of(client, path)
            found += rows_in(shape, answer)
            if answer["next"] is None:
                break
            if shape in TABLES:
                path = urljoin(path, answer["link"].partition(">")[0][1:])
            else:
                until = "&timeframe=1h&until=2024-02-02T06:00:00Z&limit=7"
                path = bars_path(f"{until}&since={answer['next']}", shape=shape, root=root)
        assert found == rows_in("highcharts", whole), shape
        assert len(found) == 30


async def test_bars_that_may_be_old_say_so_in_every_shape(config: Config) -> None:
    times_ms = [AWAY_FROM_MS - 30_000]
    created = create_app(
        replace(config, plugins=("tests.api.closing_market",)), Clock(now_ms=lambda: times_ms[-1])
    )
    async with testing.TestApp(created):
        client = created.test_client()
        path = bars_path("&timeframe=1h&until=2024-03-01T06:00:00Z").replace("simulated", "closing")
        fresh, _ = await answer_of(client, f"{path}&since=2024-03-01")
        assert (fresh["stale"], len(fresh["ohlcv"])) == (False, 6)
        times_ms.append(AWAY_FROM_MS + 30_000)
        for shape in FORMATS:
            answer, _ = await answer_of(client, f"{path}&since=2024-02-29&format={shape}")
            assert answer["stale"] is True, shape
            assert rows_in(shape, answer) == rows_in("highcharts", fresh), shape
            gaps = [OUTAGE] if shape not in TABLES else 1
            assert answer["gap_count" if shape in TABLES else "gaps"] == gaps


EDGES = (
    "&timeframe=12M&limit=5000",
    "&timeframe=5d&limit=5000",
    "&timeframe=4w&limit=5000",
    "&timeframe=1M&limit=5000&until=1970-01-02",
    "&timeframe=1h&since=0&until=1970-01-01T00:00:00.001Z",
    "&timeframe=12M&since=2099-12-31&limit=5000",
    "&timeframe=1h&since=2099-12-31T23:59:59.998Z&until=2099-12-31T23:59:59.999Z",
    "&timeframe=1s&limit=1",
)


@pytest.mark.parametrize("query", EDGES)
async def test_the_ends_of_time_are_no_failure_in_any_shape(client: Client, query: str) -> None:
    for shape in FORMATS:
        answer, _ = await answer_of(client, bars_path(query, shape=shape))
        times = [row[0] for row in rows_in(shape, answer)]
        assert times == sorted(set(times))
        for gap in answer.get("gaps", []):
            assert 0 <= gap["start_ms"] < gap["end_ms"]
