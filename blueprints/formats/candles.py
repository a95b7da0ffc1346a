"""History as candles: one object a bar, with its own word on whether it has closed."""

import orjson

from blueprints.formats.facts import facts_of, place_of
from services.market_service import History


def encode_candles(history: History) -> bytes:
    """Return the answer for ``format=candles``; a timestamp is the open, in UTC milliseconds.

    ``{"market": "crypto", …, "interval": "1h", "candles": [{"timestamp": 1735689600000, "open": 67123.45, …,
    "volume": 0.1, "closed": true}], …}``
    """
    return orjson.dumps(
        {
            **place_of(history),
            "interval": history.query.timeframe.text,
            "candles": [
                {
                    "timestamp": bar.open_time_ms,
                    "open": bar.open,
                    "high": bar.high,
                    "low": bar.low,
                    "close": bar.close,
                    "volume": bar.volume,
                    "closed": bar.final,
                }
                for bar in history.bars
            ],
            **facts_of(history),
        }
    )
