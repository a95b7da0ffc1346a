"""Bars in the shape of the Charting Library's JavaScript API: objects with names, milliseconds; pure."""

import orjson

from services.datafeed import ChartBars


def encode_bars(found: ChartBars) -> bytes:
    """Return bars, oldest first.

    ``{"bars": [{"time": 1735689600000, "open": …, "high": …, "low": …, "close": …, "volume": …}],
    "no_data": false, "next_time": null, "last_bar_state": "closed", "stale": false, "as_of_ms": …}``.
    Without bars ``no_data`` is true, and ``next_time`` the time of the next older bar, if there is one.
    """
    history = found.history
    return orjson.dumps(
        {
            "bars": [
                {
                    "time": bar.open_time_ms,
                    "open": bar.open,
                    "high": bar.high,
                    "low": bar.low,
                    "close": bar.close,
                    "volume": bar.volume,
                }
                for bar in history.bars
            ],
            "no_data": not history.bars,
            "next_time": found.older_ms,
            "last_bar_state": history.last_bar_state,
            "stale": history.stale,
            "as_of_ms": history.as_of_ms,
        }
    )
