"""What an answer says of itself where its body has no room but for bars: the facts, as headers."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from blueprints.formats.facts import next_of
from services.market_service import History, HistoryQuery, HistoryText
from utils.domain import SECOND_MS, Gap

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - see iso_text
# Headers are read whole by every proxy on the way; X-Gap-Count tells whether there are more.
GAPS_IN_HEADER_MAX = 20


def iso_text(time_ms: int) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds where it has some: ``2025-01-01T00:00:00Z``."""
    # Without a time zone, which would double the work: five thousand bars are one answer.
    moment = EPOCH + timedelta(milliseconds=time_ms)
    return f"{moment.isoformat(timespec='milliseconds' if time_ms % SECOND_MS else 'seconds')}Z"


def header_facts(history: History | HistoryText, shape: str) -> dict[str, str]:
    """Return the headers that say what JSON objects say beside their bars; ``shape`` is the format's name.

    ``X-Gaps: 2025-01-01T00:00:00Z/2025-01-01T03:00:00Z;reason=no_trades, …`` names the first gaps; an end is
    not part of its gap. ``Link`` leads to the bars that follow, under the same path.
    """
    headers = {
        "X-Timeframe": history.query.timeframe.text,
        "X-Stale": "true" if history.stale else "false",
        "X-As-Of": iso_text(history.as_of_ms),
        "X-Gap-Count": str(len(history.gaps)),
    }
    if history.gaps:
        headers["X-Gaps"] = _gap_list(history.gaps[:GAPS_IN_HEADER_MAX])
    cursor = next_of(history)
    if cursor is not None:
        headers["X-Next"] = cursor
        headers["Link"] = f'<?{_next_query(history.query, cursor, shape)}>; rel="next"'
    return headers


def _gap_list(gaps: Iterable[Gap]) -> str:
    return ", ".join(
        f"{iso_text(gap.span.start_ms)}/{iso_text(gap.span.end_ms)};reason={gap.reason.value}" for gap in gaps
    )


def _next_query(query: HistoryQuery, cursor: str, shape: str) -> str:
    parameters = {
        "market": query.instrument.market,
        "exchange": query.instrument.exchange,
        "symbol": query.instrument.symbol,
        "timeframe": query.timeframe.text,
        "since": cursor,
        "limit": str(query.limit),
        "format": shape,
    }
    if query.end_ms is not None:
        parameters["until"] = str(query.end_ms)
    return urlencode(parameters, safe="/", quote_via=quote)
