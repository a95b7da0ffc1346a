"""History as a CSV file (RFC 4180), for spreadsheets and scripts; what has no place in rows is in headers."""

import re
from urllib.parse import quote

from blueprints.formats.decimals import bar_texts
from blueprints.formats.header_facts import header_facts, iso_text
from services.market_service import History, HistoryQuery

CSV = "text/csv; charset=utf-8"
COLUMNS = "time,open,high,low,close,volume,state,revision,source"


def encode_csv(history: History) -> bytes:
    """Return the body for ``format=csv``; no value in it ever needs quotes.

    ``2025-01-01T00:00:00Z,67123.45,67200,67100.1,67150,0.1,closed,0,exchange``
    """
    lines = [
        ",".join((iso_text(bar.open_time_ms), *texts, bar.state, str(bar.revision), bar.source))
        for bar, texts in zip(history.bars, bar_texts(history.bars), strict=True)
    ]
    return "\r\n".join([COLUMNS, *lines, ""]).encode()


def csv_headers(history: History) -> dict[str, str]:
    """Return the headers that go with the body: its file name, and what JSON answers say beside the bars."""
    return {"Content-Disposition": _disposition(history.query), **header_facts(history, "csv")}


def _disposition(query: HistoryQuery) -> str:
    name = f"{query.instrument.exchange}-{query.instrument.symbol}-{query.timeframe.text}.csv"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    if name.isascii():
        return f'attachment; filename="{plain}"'
    # RFC 6266: whoever knows the second form prefers it.
    whole = quote(re.sub(r"[/\\:]+", "-", name), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
