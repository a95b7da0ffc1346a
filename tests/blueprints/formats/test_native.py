"""The native shape, whole, for one small answer."""

import json
from dataclasses import replace

from blueprints.formats.native import encode_native
from tests.blueprints.formats.samples import NEW_YEAR_MS, SMALL, history_of

GOLDEN = """
{
  "market": "crypto", "exchange": "bitstamp", "symbol": "BTC/USD", "timeframe": "1h", "price_step": "0.01",
  "bars": [
    {"open_time_ms": 1735689600000, "open": "67123.45", "high": "67200", "low": "67100.1", "close": "67150",
     "volume": "0.1", "state": "closed", "revision": 0, "source": "exchange"},
    {"open_time_ms": 1735693200000, "open": "67150", "high": "67150", "low": "66000", "close": "66000.5",
     "volume": "0.0000001", "state": "corrected", "revision": 2, "source": "trades"},
    {"open_time_ms": 1735704000000, "open": "66000.5", "high": "66001", "low": "66000.5", "close": "66001",
     "volume": "0", "state": "forming", "revision": 0, "source": "derived"}
  ],
  "last_bar_state": "forming", "revision": 2, "as_of_ms": 1735705800000, "stale": false,
  "gaps": [{"start_ms": 1735696800000, "end_ms": 1735704000000, "reason": "no_trades"}],
  "next": null
}
"""


def test_native_is_exactly_this() -> None:
    encoded = json.loads(encode_native(SMALL))
    assert encoded == json.loads(GOLDEN)
    # People read it as it comes: whose bars, the bars, then what is to be known of them.
    assert list(encoded) == list(json.loads(GOLDEN))


def test_old_bars_may_be_finer_than_the_price_step() -> None:
    finer = replace(SMALL.bars[0], open=67123.456789, high=67200.00001)
    bar = json.loads(encode_native(history_of(finer)))["bars"][0]
    assert (bar["open"], bar["high"]) == ("67123.456789", "67200.00001")


def test_an_unknown_price_step_is_null_and_a_small_one_has_no_exponent() -> None:
    for step, text in ((None, None), (1e-08, "0.00000001")):
        history = replace(SMALL, spec=replace(SMALL.spec, price_step=step))
        assert json.loads(encode_native(history))["price_step"] == text


def test_an_answer_without_bars_still_says_what_it_is() -> None:
    history = replace(history_of(next_ms=NEW_YEAR_MS), stale=True)
    encoded = json.loads(encode_native(history))
    assert (encoded["bars"], encoded["last_bar_state"], encoded["revision"]) == ([], None, 0)
    assert (encoded["stale"], encoded["next"]) == (True, str(NEW_YEAR_MS))
