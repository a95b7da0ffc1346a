"""Lightweight Charts: data that ``setData`` takes as it is."""

import json
from dataclasses import replace

from hypothesis import given

from blueprints.formats.lightweight import encode_lightweight
from services.market_service import History
from tests.blueprints.formats.samples import (
    HOUR,
    NEW_YEAR_MS,
    SILENCE,
    SMALL,
    THIRD,
    histories,
    history_of,
)
from utils.domain import Bar, BarState, Gap, GapReason, Span, Timeframe

# The example data of the library's own documentation (Series types: candlestick; whitespace data).
DOCUMENTED = [
    {"open": 10.0, "high": 10.63, "low": 9.49, "close": 9.55, "time": 1642427876},
    {"open": 9.55, "high": 10.30, "low": 9.42, "close": 9.94, "time": 1642514276},
]
GOLDEN = """
{
  "market": "crypto", "exchange": "bitstamp", "symbol": "BTC/USD", "timeframe": "1h",
  "bars": [
    {"time": 1735689600, "open": 67123.45, "high": 67200.0, "low": 67100.1, "close": 67150.0},
    {"time": 1735693200, "open": 67150.0, "high": 67150.0, "low": 66000.0, "close": 66000.5},
    {"time": 1735696800},
    {"time": 1735700400},
    {"time": 1735704000, "open": 66000.5, "high": 66001.0, "low": 66000.5, "close": 66001.0}
  ],
  "volume": [
    {"time": 1735689600, "value": 0.1},
    {"time": 1735693200, "value": 1e-7},
    {"time": 1735704000, "value": 0.0}
  ],
  "last_bar_state": "forming", "revision": 2, "as_of_ms": 1735705800000, "stale": false,
  "gaps": [{"start_ms": 1735696800000, "end_ms": 1735704000000, "reason": "no_trades"}],
  "next": null
}
"""


def points_of(history: History) -> list[dict[str, float]]:
    points: list[dict[str, float]] = json.loads(encode_lightweight(history))["bars"]
    return points


def test_lightweight_is_exactly_this() -> None:
    encoded = json.loads(encode_lightweight(SMALL))
    assert encoded == json.loads(GOLDEN)
    assert list(encoded) == list(json.loads(GOLDEN))


def test_bars_are_as_the_library_documents_them() -> None:
    bars = [
        Bar(row["time"] * 1000, row["open"], row["high"], row["low"], row["close"], 1.0, BarState.CLOSED)
        for row in DOCUMENTED
    ]
    assert points_of(history_of(*bars, timeframe=Timeframe(1, "d"))) == DOCUMENTED


@given(histories())
def test_times_ascend_and_every_time_is_a_bar_or_a_hole(history: History) -> None:
    points = points_of(history)
    times = [point["time"] for point in points]
    # The library throws when a time does not lie after the one before it.
    assert times == sorted(set(times))
    bars = {bar.open_time_ms // 1000 for bar in history.bars}
    assert {point["time"] for point in points if "open" in point} == bars
    empty = [point for point in points if "open" not in point]
    assert all(point.keys() == {"time"} for point in empty)
    missing = {
        gap.span.start_ms // 1000
        for gap in history.gaps
        if gap.reason not in (GapReason.BEFORE_LISTING, GapReason.AFTER_DELISTING)
    }
    assert {point["time"] for point in empty} == missing - bars


def test_a_bar_inside_a_gap_stays_a_bar() -> None:
    partly_known = Gap(Span(THIRD.open_time_ms, HOUR.next(THIRD.open_time_ms)), GapReason.UNFETCHED)
    points = points_of(replace(SMALL, gaps=(SILENCE, partly_known)))
    assert [point["time"] for point in points if "open" not in point] == [1735696800, 1735700400]
    assert points[-1]["close"] == THIRD.close


def test_a_gap_that_begins_within_a_bar_is_not_drawn_there() -> None:
    late = Gap(Span(NEW_YEAR_MS + 1_800_000, NEW_YEAR_MS + 7_200_000), GapReason.NO_TRADES)
    assert points_of(history_of(gaps=(late,))) == [{"time": NEW_YEAR_MS // 1000 + 3600}]


def test_whitespace_is_no_longer_than_the_limit() -> None:
    for reason in (GapReason.OUTAGE, GapReason.RETENTION):
        years = Gap(Span(NEW_YEAR_MS - 10**12, NEW_YEAR_MS), reason)
        assert len(points_of(history_of(gaps=(years,), timeframe=Timeframe(1, "s"), limit=7))) == 7


def test_no_room_is_kept_where_there_could_be_no_bar() -> None:
    for reason in (GapReason.BEFORE_LISTING, GapReason.AFTER_DELISTING):
        assert points_of(history_of(gaps=(replace(SILENCE, reason=reason),))) == []
