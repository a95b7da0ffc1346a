"""History for Lightweight Charts: ``bars`` and ``volume`` are what ``setData`` of two series takes.

Source: https://tradingview.github.io/lightweight-charts/docs/api/interfaces/CandlestickData, WhitespaceData
and HistogramData, version 5. Times are seconds; the library speaks of no time zone.
"""

from collections.abc import Iterator
from itertools import islice
from operator import itemgetter

import orjson

from blueprints.formats.facts import facts_of, place_of
from services.market_service import History
from utils.domain import SECOND_MS, GapReason

# Where there could be no bar, a chart has no room to keep free.
NEVER_THERE = (GapReason.BEFORE_LISTING, GapReason.AFTER_DELISTING)


def encode_lightweight(history: History) -> bytes:
    """Return the answer for ``format=lightweight``; each missing bar of a gap is whitespace, ``{"time": …}``.

    ``{…, "bars": [{"time": 1735689600, "open": 67123.45, …, "close": 67100}, {"time": 1735693200}],
    "volume": [{"time": 1735689600, "value": 0.1}], …}``
    """
    query = history.query
    missing = islice(_missing_ms(history), query.limit)
    whitespace = [{"time": open_ms // SECOND_MS} for open_ms in missing]
    bars = [
        {
            "time": bar.open_time_ms // SECOND_MS,
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
        }
        for bar in history.bars
    ]
    return orjson.dumps(
        {
            **place_of(history),
            "timeframe": query.timeframe.text,
            # setData throws when times do not ascend.
            "bars": sorted([*bars, *whitespace], key=itemgetter("time")),
            "volume": [{"time": bar.open_time_ms // SECOND_MS, "value": bar.volume} for bar in history.bars],
            **facts_of(history),
        }
    )


def _missing_ms(history: History) -> Iterator[int]:
    # A derived bar may lie in a gap: it is there, but not all of it is known.
    timeframe, taken = history.query.timeframe, {bar.open_time_ms for bar in history.bars}
    for gap in history.gaps:
        if gap.reason in NEVER_THERE:
            continue
        open_ms = timeframe.ceil(gap.span.start_ms)
        while open_ms < gap.span.end_ms:
            if open_ms not in taken:
                taken.add(open_ms)
                yield open_ms
            open_ms = timeframe.next(open_ms)
