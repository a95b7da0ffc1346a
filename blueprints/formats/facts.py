"""What every answer of history says of itself, whatever the shape of its bars."""

from typing import Any

from blueprints.formats.highcharts import encode_gaps
from services.market_service import History


def place_of(history: History) -> dict[str, str]:
    """Return whose bars they are: ``{"market": "crypto", "exchange": "bitstamp", "symbol": "BTC/USD"}``."""
    instrument = history.query.instrument
    return {"market": instrument.market, "exchange": instrument.exchange, "symbol": instrument.symbol}


def facts_of(history: History) -> dict[str, Any]:
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


def next_of(history: History) -> str | None:
    """Return the cursor: what ``since`` has to be for the bars that follow, None at the end."""
    return None if history.next_ms is None else str(history.next_ms)
