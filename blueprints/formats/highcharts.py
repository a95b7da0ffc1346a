"""The default shape of history: columns and rows that a Highcharts series takes as they are."""

import orjson

from blueprints.formats.facts import facts_of, place_of
from services.market_service import History, HistoryText

COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")


def encode_history(history: History | HistoryText) -> bytes:
    """Return the answer of ``/market/fetch_ohlcv``.

    ``{"market": "simulated", …, "columns": ["open_time_ms", …], "ohlcv": [[1735689600000, 94419.76, …]],
    "last_bar_state": "forming", "revision": 0, "as_of_ms": …, "stale": false, "gaps": […], "next": null}``
    """
    timeframe = history.query.timeframe.text
    head = orjson.dumps({**place_of(history), "timeframe": timeframe, "columns": COLUMNS})
    tail = orjson.dumps(facts_of(history))
    # The rows are the bulk of the answer, and the database may have written them as text already.
    return b'%b,"ohlcv":%b,%b' % (head[:-1], _rows(history), tail[1:])


def _rows(history: History | HistoryText) -> bytes:
    if isinstance(history, HistoryText):
        return history.text.json
    return orjson.dumps([(bar.open_time_ms, *bar.values) for bar in history.bars])
