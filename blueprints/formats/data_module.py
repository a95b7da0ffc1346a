"""History for the data module of Highcharts: named tables, as its ``rowsURL`` and ``columnsURL`` take them.

Source: https://api.highcharts.com/highstock/data.rowsURL and data.columnsURL, read 2026-11-21. The tables are
the whole body, so that what an answer says of itself is in its headers (``header_facts``).
"""

import orjson

from services.market_service import History, HistoryText

NAMES = ("Time", "Open", "High", "Low", "Close", "Volume")
HEAD = orjson.dumps(NAMES)


def encode_rows(history: History | HistoryText) -> bytes:
    """Return the body for ``format=rows``.

    ``[["Time","Open","High","Low","Close","Volume"],[1735689600000,67123.45,67200.0,67100.1,67150.0,0.1],…]``
    """
    if isinstance(history, HistoryText):
        # The database has written the rows already, in brackets of their own.
        return b"[%b,%b" % (HEAD, history.text.json[1:]) if history.text.count else b"[%b]" % HEAD
    return orjson.dumps([NAMES, *((bar.open_time_ms, *bar.values) for bar in history.bars)])


def encode_columns(history: History) -> bytes:
    """Return the body for ``format=columns``.

    ``[["Time",1735689600000,…],["Open",67123.45,…],["High",…],["Low",…],["Close",…],["Volume",…]]``
    """
    times = [bar.open_time_ms for bar in history.bars]
    numbers = zip(*(bar.values for bar in history.bars), strict=True) if times else [()] * len(NAMES[1:])
    return orjson.dumps([(name, *column) for name, column in zip(NAMES, (times, *numbers), strict=True)])
