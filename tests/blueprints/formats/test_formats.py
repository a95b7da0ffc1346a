"""Every shape carries the same bars and the same facts."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from blueprints.formats.candles import encode_candles
from blueprints.formats.csv_bars import csv_headers, encode_csv
from blueprints.formats.data_module import encode_columns, encode_rows
from blueprints.formats.highcharts import encode_history
from blueprints.formats.lightweight import encode_lightweight
from blueprints.formats.native import encode_native
from services.market_service import History
from tests.blueprints.formats.samples import STALE, histories

Row = tuple[float, ...]
NUMBERS = ("open", "high", "low", "close", "volume")
JSON_ENCODERS: list[Callable[[History], bytes]] = [
    encode_native,
    encode_history,
    encode_candles,
    encode_lightweight,
]


def rows_of_native(body: dict[str, Any]) -> list[Row]:
    return [(bar["open_time_ms"], *(float(bar[name]) for name in NUMBERS)) for bar in body["bars"]]


def rows_of_candles(body: dict[str, Any]) -> list[Row]:
    return [(candle["timestamp"], *(candle[name] for name in NUMBERS)) for candle in body["candles"]]


def rows_of_lightweight(body: dict[str, Any]) -> list[Row]:
    bars = [bar for bar in body["bars"] if "open" in bar]
    return [
        (bar["time"] * 1000, *(bar[name] for name in NUMBERS[:4]), volume["value"])
        for bar, volume in zip(bars, body["volume"], strict=True)
        if bar["time"] == volume["time"]
    ]


def rows_of_csv(body: str) -> list[Row]:
    return [
        (
            int(datetime.fromisoformat(row["time"]).timestamp() * 1000),
            *(float(row[name]) for name in NUMBERS),
        )
        for row in csv.DictReader(io.StringIO(body, newline=""), strict=True)
    ]


@given(histories())
def test_every_shape_carries_the_same_bars(history: History) -> None:
    expected = [(bar.open_time_ms, *bar.values) for bar in history.bars]
    assert [tuple(row) for row in json.loads(encode_history(history))["ohlcv"]] == expected
    assert rows_of_native(json.loads(encode_native(history))) == expected
    assert rows_of_candles(json.loads(encode_candles(history))) == expected
    assert rows_of_lightweight(json.loads(encode_lightweight(history))) == expected
    assert rows_of_csv(encode_csv(history).decode()) == expected
    names = ["Time", *(name.capitalize() for name in NUMBERS)]
    assert json.loads(encode_rows(history)) == [names, *(list(row) for row in expected)]
    columns = json.loads(encode_columns(history))
    assert [column[0] for column in columns] == names
    assert list(zip(*(column[1:] for column in columns), strict=True)) == expected


@given(histories())
def test_shapes_that_tell_states_tell_the_same(history: History) -> None:
    told = [(bar.state.value, bar.revision, bar.source.value) for bar in history.bars]
    native = json.loads(encode_native(history))["bars"]
    assert [(bar["state"], bar["revision"], bar["source"]) for bar in native] == told
    rows = csv.DictReader(io.StringIO(encode_csv(history).decode(), newline=""))
    assert [(row["state"], int(row["revision"]), row["source"]) for row in rows] == told
    candles = json.loads(encode_candles(history))["candles"]
    assert [candle["closed"] for candle in candles] == [state != "forming" for state, _, _ in told]


@pytest.mark.parametrize("encode", JSON_ENCODERS)
def test_every_json_shape_says_how_far_it_can_be_trusted(encode: Callable[[History], bytes]) -> None:
    body = json.loads(encode(STALE))
    assert {name: body[name] for name in ("market", "exchange", "symbol")} == {
        "market": "crypto",
        "exchange": "bitstamp",
        "symbol": "BTC/USD",
    }
    assert (body["last_bar_state"], body["revision"], body["stale"]) == ("forming", 2, True)
    assert body["as_of_ms"] == STALE.as_of_ms
    assert body["next"] == csv_headers(STALE)["X-Next"]
    assert body["gaps"] == [{"start_ms": 1735696800000, "end_ms": 1735704000000, "reason": "no_trades"}]
