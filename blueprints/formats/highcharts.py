"""The default shape of history: columns and rows that a Highcharts series takes as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from services.market_service import History, HistoryText
from utils.domain import Gap

COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")


def encode_history(history: History | HistoryText) -> bytes:
    """Return the answer of ``/market/fetch_ohlcv``.

    ``{"market": "simulated", …, "columns": ["open_time_ms", …], "ohlcv": [[1735689600000, 94419.76, …]],
    "last_bar_state": "forming", "revision": 0, "as_of_ms": …, "stale": false, "gaps": […], "next": null}``
    """
    query = history.query
    head = orjson.dumps(
        {
            "market": query.instrument.market,
            "exchange": query.instrument.exchange,
            "symbol": query.instrument.symbol,
            "timeframe": query.timeframe.text,
            "columns": COLUMNS,
        }
    )
    tail = orjson.dumps(
        {
            "last_bar_state": history.last_bar_state,
            "revision": history.revision,
            "as_of_ms": history.as_of_ms,
            "stale": history.stale,
            "gaps": encode_gaps(history.gaps),
            "next": None if history.next_ms is None else str(history.next_ms),
        }
    )
    # The rows are the bulk of the answer, and the database may have written them as text already.
    return b'%b,"ohlcv":%b,%b' % (head[:-1], _rows(history), tail[1:])


def _rows(history: History | HistoryText) -> bytes:
    if isinstance(history, HistoryText):
        return history.text.json
    return orjson.dumps([(bar.open_time_ms, *bar.values) for bar in history.bars])


@dataclass(frozen=True, slots=True)
class GapShape:
    """A gap as answers carry it; the end is not part of it."""

    start_ms: int
    end_ms: int
    reason: str


def encode_gaps(gaps: Sequence[Gap]) -> list[GapShape]:
    """Return gaps in their wire shape: ``[{"start_ms": …, "end_ms": …, "reason": "no_trades"}]``."""
    return [GapShape(gap.span.start_ms, gap.span.end_ms, gap.reason.value) for gap in gaps]
