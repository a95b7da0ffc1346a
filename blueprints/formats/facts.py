"""What every answer of history says of itself, whatever the shape of its bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.market_service import History, HistoryText
from utils.domain import Gap


def place_of(history: History | HistoryText) -> dict[str, str]:
    """Return whose bars they are: ``{"market": "crypto", "exchange": "bitstamp", "symbol": "BTC/USD"}``."""
    instrument = history.query.instrument
    return {"market": instrument.market, "exchange": instrument.exchange, "symbol": instrument.symbol}


def facts_of(history: History | HistoryText) -> dict[str, Any]:
    """Return how far the bars can be trusted, and where they go on.

    ``{"last_bar_state": "forming", "revision": 0, "as_of_ms": …, "stale": false, "gaps": […], "next": null}``
    """
    return {
        "last_bar_state": history.last_bar_state,
        "revision": history.revision,
        "as_of_ms": history.as_of_ms,
        "stale": history.stale,
        "gaps": encode_gaps(history.gaps),
        "next": next_of(history),
    }


def next_of(history: History | HistoryText) -> str | None:
    """Return the cursor: what ``since`` has to be for the bars that follow, None at the end."""
    return None if history.next_ms is None else str(history.next_ms)


@dataclass(frozen=True, slots=True)
class GapShape:
    """A gap as answers carry it; the end is not part of it."""

    start_ms: int
    end_ms: int
    reason: str


def encode_gaps(gaps: Sequence[Gap]) -> list[GapShape]:
    """Return gaps in their wire shape: ``[{"start_ms": …, "end_ms": …, "reason": "no_trades"}]``."""
    return [GapShape(gap.span.start_ms, gap.span.end_ms, gap.reason.value) for gap in gaps]
