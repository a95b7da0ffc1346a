"""Whether the log can vouch for what happened while somebody was away."""

import pytest

from services.announcing.absence import is_whole
from services.announcing.announcement import Absence
from services.live.log import LogEntry, Position
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

NOW_MS = 1_763_600_400_000
BTC = Instrument("simulated", "simex", "BTC/USD")


def entry(age_ms: int, timeframe: str) -> LogEntry:
    topic = Topic(BTC, Timeframe.parse(timeframe))
    time_ms = NOW_MS - age_ms
    bar = Bar(topic.timeframe.floor(time_ms), 10.0, 11.0, 9.0, 10.5, 1.0, BarState.FORMING)
    return LogEntry(topic, Position("1763600000000000", f"{time_ms}-0"), bar)


ABSENCE = Absence(NOW_MS - 60_000, NOW_MS)


@pytest.mark.parametrize(
    ("age_ms", "timeframe", "whole"),
    [
        (900, "1s", True),
        (1_100, "1s", False),
        (4_900, "1m", True),
        (5_100, "1m", False),
        (50_000, "1d", False),
    ],
)
def test_a_log_that_fell_silent_cannot_tell_what_happened_since(
    *, age_ms: int, timeframe: str, whole: bool
) -> None:
    last = entry(age_ms, timeframe)
    assert is_whole([entry(40_000, timeframe), last], None, ABSENCE) is whole
    assert is_whole([], last, ABSENCE) is whole


def test_a_log_without_an_entry_vouches_for_nothing() -> None:
    assert not is_whole([], None, ABSENCE)
