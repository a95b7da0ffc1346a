"""The shape of candles, whole, for one small answer."""

import json

from blueprints.formats.candles import encode_candles
from tests.blueprints.formats.samples import SMALL, history_of

GOLDEN = """
{
  "market": "crypto", "exchange": "bitstamp", "symbol": "BTC/USD", "interval": "1h",
  "candles": [
    {"timestamp": 1735689600000, "open": 67123.45, "high": 67200.0, "low": 67100.1, "close": 67150.0,
     "volume": 0.1, "closed": true},
    {"timestamp": 1735693200000, "open": 67150.0, "high": 67150.0, "low": 66000.0, "close": 66000.5,
     "volume": 1e-7, "closed": true},
    {"timestamp": 1735704000000, "open": 66000.5, "high": 66001.0, "low": 66000.5, "close": 66001.0,
     "volume": 0.0, "closed": false}
  ],
  "last_bar_state": "forming", "revision": 2, "as_of_ms": 1735705800000, "stale": false,
  "gaps": [{"start_ms": 1735696800000, "end_ms": 1735704000000, "reason": "no_trades"}],
  "next": null
}
"""


def test_candles_are_exactly_this() -> None:
    encoded = json.loads(encode_candles(SMALL))
    assert encoded == json.loads(GOLDEN)
    assert list(encoded) == list(json.loads(GOLDEN))


def test_no_bars_are_no_candles() -> None:
    assert json.loads(encode_candles(history_of()))["candles"] == []
