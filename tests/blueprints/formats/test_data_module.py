"""Tables for the data module of Highcharts, from bars and from text that the database wrote."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given

from blueprints.formats.data_module import encode_columns, encode_rows
from blueprints.formats.header_facts import header_facts
from services.market_service import History
from tests.blueprints.formats.samples import NEW_YEAR_MS, SMALL, STALE, as_text, histories, history_of

ROWS = """
[
  ["Time", "Open", "High", "Low", "Close", "Volume"],
  [1735689600000, 67123.45, 67200.0, 67100.1, 67150.0, 0.1],
  [1735693200000, 67150.0, 67150.0, 66000.0, 66000.5, 1e-7],
  [1735704000000, 66000.5, 66001.0, 66000.5, 66001.0, 0.0]
]
"""
COLUMNS = """
[
  ["Time", 1735689600000, 1735693200000, 1735704000000],
  ["Open", 67123.45, 67150.0, 66000.5],
  ["High", 67200.0, 67150.0, 66001.0],
  ["Low", 67100.1, 66000.0, 66000.5],
  ["Close", 67150.0, 66000.5, 66001.0],
  ["Volume", 0.1, 1e-7, 0.0]
]
"""


def test_rows_are_exactly_this() -> None:
    assert json.loads(encode_rows(SMALL)) == json.loads(ROWS)


def test_columns_are_exactly_this() -> None:
    assert json.loads(encode_columns(SMALL)) == json.loads(COLUMNS)


@pytest.mark.parametrize("encode", [encode_rows, encode_columns])
def test_without_bars_there_are_the_names(encode: Callable[[History], bytes]) -> None:
    names = ["Time", "Open", "High", "Low", "Close", "Volume"]
    table = json.loads(encode(history_of()))
    assert table == ([names] if encode is encode_rows else [[name] for name in names])


@given(histories())
def test_text_of_the_database_gives_the_same_rows(history: History) -> None:
    assert json.loads(encode_rows(as_text(history))) == json.loads(encode_rows(history))
    assert header_facts(as_text(history), "rows") == header_facts(history, "rows")


def test_the_headers_name_the_timeframe_and_lead_on_in_the_same_shape() -> None:
    for shape in ("rows", "columns"):
        headers = header_facts(STALE, shape)
        assert (headers["X-Timeframe"], headers["X-Stale"], headers["X-Gap-Count"]) == ("1h", "true", "1")
        assert headers["X-Next"] == str(NEW_YEAR_MS + 18_000_000)
        assert f"&format={shape}>" in headers["Link"]
