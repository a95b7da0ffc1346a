"""History as a CSV file (RFC 4180), for spreadsheets and scripts; what has no place in rows is in headers."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from blueprints.formats.decimals import bar_texts
from blueprints.formats.facts import next_of
from services.market_service import History, HistoryQuery
from utils.domain import SECOND_MS, Gap

CSV = "text/csv; charset=utf-8"
COLUMNS = "time,open,high,low,close,volume,state,revision,source"
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - see _iso
# Headers are read whole by every proxy on the way; X-Gap-Count tells whether there are more.
GAPS_IN_HEADER_MAX = 20


def encode_csv(history: History) -> bytes:
    """Return the body for ``format=csv``; no value in it ever needs quotes.

    ``2025-01-01T00:00:00Z,67123.45,67200,67100.1,67150,0.1,closed,0,exchange``
    """
    lines = [
        ",".join((_iso(bar.open_time_ms), *texts, bar.state, str(bar.revision), bar.source))
        for bar, texts in zip(history.bars, bar_texts(history.bars), strict=True)
    ]
    return "\r\n".join([COLUMNS, *lines, ""]).encode()


def csv_headers(history: History) -> dict[str, str]:
    """Return the headers that go with the body: its file name, and what JSON answers say beside the bars.

    ``X-Gaps: 2025-01-01T00:00:00Z/2025-01-01T03:00:00Z;reason=no_trades, …`` names the first gaps; an end is
    not part of its gap. ``Link`` leads to the bars that follow, under the same path.
    """
    headers = {
        "Content-Disposition": _disposition(history.query),
        "X-Stale": "true" if history.stale else "false",
        "X-As-Of": _iso(history.as_of_ms),
        "X-Gap-Count": str(len(history.gaps)),
    }
    if history.gaps:
        headers["X-Gaps"] = _gap_list(history.gaps[:GAPS_IN_HEADER_MAX])
    cursor = next_of(history)
    if cursor is not None:
        headers["X-Next"] = cursor
        headers["Link"] = f'<?{_next_query(history.query, cursor)}>; rel="next"'
    return headers


def _iso(time_ms: int) -> str:
    # Without a time zone, which would double the work: five thousand bars are one answer.
    moment = EPOCH + timedelta(milliseconds=time_ms)
    return f"{moment.isoformat(timespec='milliseconds' if time_ms % SECOND_MS else 'seconds')}Z"


def _gap_list(gaps: Iterable[Gap]) -> str:
    return ", ".join(
        f"{_iso(gap.span.start_ms)}/{_iso(gap.span.end_ms)};reason={gap.reason.value}" for gap in gaps
    )


def _next_query(query: HistoryQuery, cursor: str) -> str:
    parameters = {
        "market": query.instrument.market,
        "exchange": query.instrument.exchange,
        "symbol": query.instrument.symbol,
        "timeframe": query.timeframe.text,
        "since": cursor,
        "limit": str(query.limit),
        "format": "csv",
    }
    if query.end_ms is not None:
        parameters["until"] = str(query.end_ms)
    return urlencode(parameters, safe="/", quote_via=quote)


def _disposition(query: HistoryQuery) -> str:
    name = f"{query.instrument.exchange}-{query.instrument.symbol}-{query.timeframe.text}.csv"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    if name.isascii():
        return f'attachment; filename="{plain}"'
    # RFC 6266: whoever knows the second form prefers it.
    whole = quote(re.sub(r"[/\\:]+", "-", name), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
