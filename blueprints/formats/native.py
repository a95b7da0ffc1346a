"""The native shape of history: numbers as decimal text, and all that each bar says of itself."""

import orjson

from blueprints.formats.decimals import bar_texts, decimal_text
from blueprints.formats.facts import facts_of, place_of
from services.market_service import History


def encode_native(history: History) -> bytes:
    """Return the answer for ``format=native``.

    ``{"market": "crypto", …, "timeframe": "1h", "price_step": "0.01", "bars": [
    {"open_time_ms": 1735689600000, "open": "67123.45", …, "volume": "0.1", "state": "closed", "revision": 0,
    "source": "exchange"}], "last_bar_state": "closed", …}``
    """
    step = history.spec.price_step
    return orjson.dumps(
        {
            **place_of(history),
            "timeframe": history.query.timeframe.text,
            "price_step": None if step is None else decimal_text(step),
            "bars": [
                {
                    "open_time_ms": bar.open_time_ms,
                    "open": opened,
                    "high": high,
                    "low": low,
                    "close": close,
                    "volume": volume,
                    "state": bar.state,
                    "revision": bar.revision,
                    "source": bar.source,
                }
                for bar, (opened, high, low, close, volume) in zip(
                    history.bars, bar_texts(history.bars), strict=True
                )
            ],
            **facts_of(history),
        }
    )
