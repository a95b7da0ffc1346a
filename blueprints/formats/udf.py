"""TradingView's UDF: bars as columns, failures as its clients read them; pure.

Source: the UDF pages of the Charting Library's documentation and the source of its UDF client, read
2026-11-21. Times are seconds. Clients never look at the status of an answer: they read its ``s``.
"""

from typing import Any

import orjson

from services.datafeed import ChartBars
from utils.domain import SECOND_MS
from utils.json_codec import encode_json
from utils.problems import Problem

JSON = "application/json"


def encode_udf_bars(found: ChartBars) -> bytes:
    """Return bars as columns, oldest first.

    ``{"s": "ok", "t": [1735689600], "o": […], "h": […], "l": […], "c": […], "v": […]}``, without any bar
    ``{"s": "no_data"}``, with ``nextTime``, the time of the next older bar, where there is one.
    """
    bars = found.history.bars
    if not bars:
        nothing: dict[str, Any] = {"s": "no_data"}
        if found.older_ms is not None:
            nothing["nextTime"] = found.older_ms // SECOND_MS
        return orjson.dumps(nothing)
    return orjson.dumps(
        {
            "s": "ok",
            "t": [bar.open_time_ms // SECOND_MS for bar in bars],
            "o": [bar.open for bar in bars],
            "h": [bar.high for bar in bars],
            "l": [bar.low for bar in bars],
            "c": [bar.close for bar in bars],
            "v": [bar.volume for bar in bars],
        }
    )


def encode_udf_problem(problem: Problem, *, request_id: str) -> tuple[bytes, str]:
    """Return a failure and its media type: ``{"s": "error", "errmsg": …, "code": …, "request_id": …}``.

    ``errmsg`` is the sentence that everybody else gets as ``detail``; ``errors`` are the same as theirs.
    """
    body: dict[str, object] = {
        "s": "error",
        "errmsg": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return encode_json(body), JSON
