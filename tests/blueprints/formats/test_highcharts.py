"""The shape that a Highcharts series takes, from bars and from text that the database wrote."""

import json

from hypothesis import given

from blueprints.formats.highcharts import encode_history
from services.history_query import History
from tests.blueprints.formats.samples import SMALL, as_text, histories

GOLDEN = """
{
  "market": "crypto", "exchange": "bitstamp", "symbol": "BTC/USD", "timeframe": "1h",
  "columns": ["open_time_ms", "open", "high", "low", "close", "volume"],
  "ohlcv": [
    [1735689600000, 67123.45, 67200.0, 67100.1, 67150.0, 0.1],
    [1735693200000, 67150.0, 67150.0, 66000.0, 66000.5, 1e-7],
    [1735704000000, 66000.5, 66001.0, 66000.5, 66001.0, 0.0]
  ],
  "last_bar_state": "forming", "revision": 2, "as_of_ms": 1735705800000, "stale": false,
  "gaps": [{"start_ms": 1735696800000, "end_ms": 1735704000000, "reason": "no_trades"}],
  "next": null
}
"""


def test_highcharts_is_exactly_this() -> None:
    encoded = json.loads(encode_history(SMALL))
    assert encoded == json.loads(GOLDEN)
    assert list(encoded) == list(json.loads(GOLDEN))


@given(histories())
def test_text_of_the_database_gives_the_same_answer(history: History) -> None:
    assert json.loads(encode_history(as_text(history))) == json.loads(encode_history(history))
