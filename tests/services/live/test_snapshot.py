"""A snapshot is what the log had told: what the store knows beyond that comes by the log, in its order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.live.log import FeedStatus, LogEntry, Position
from services.live.snapshot import bars_as_told
from utils.domain import Bar, BarState, Instrument, Timeframe, Topic

TOPIC = Topic(Instrument("crypto", "x", "A/USD"), Timeframe.parse("1m"))
FORMING = Bar(0, 1.0, 1.0, 1.0, 1.0, 1.0, BarState.FORMING)
SHOWN = 2


def bar(minute, state=BarState.FORMING):
    return replace(FORMING, open_time_ms=minute * 60_000, state=state)


def entries_of(events):
    return [LogEntry(TOPIC, Position("1", f"{number}-0"), event) for number, event in enumerate(events, 1)]


def test_a_log_that_has_said_nothing_shows_nothing():
    status = entries_of([FeedStatus("live", 0, "Live prices.")])
    for entries in ([], status):
        assert bars_as_told(entries, [bar(1, BarState.CLOSED)], Position("1", "9-0"), SHOWN) == ()


def test_what_the_store_alone_knows_already_is_left_to_the_log():
    entries = entries_of([bar(5)])
    stored = [bar(4, BarState.CLOSED), bar(5, BarState.CLOSED), bar(6, BarState.CLOSED)]
    assert bars_as_told(entries, stored, Position("1", "1-0"), SHOWN) == (bar(4, BarState.CLOSED), bar(5))


def test_what_the_log_says_after_the_position_is_not_shown():
    entries = entries_of([bar(5), bar(5, BarState.CLOSED), bar(6)])
    assert bars_as_told(entries, [], Position("1", "1-0"), SHOWN) == (bar(5),)


@given(st.integers(1, 12), st.integers(0, 24), st.integers(0, 12))
def test_no_bar_is_told_as_older_than_the_snapshot_or_never(minutes, at, stored_until):
    # Each minute forms, then closes; the store may be behind the log, or ahead of it.
    events = [
        event for minute in range(1, minutes + 1) for event in (bar(minute), bar(minute, BarState.CLOSED))
    ]
    entries = entries_of(events)
    stored = [bar(minute, BarState.CLOSED) for minute in range(1, stored_until + 1)][-SHOWN:]
    shown = bars_as_told(entries[:at], stored, Position("1", f"{at}-0"), SHOWN)
    finals = [each.open_time_ms for each in shown if each.final]
    told_after = [event.open_time_ms for event in events[at:] if event.final]
    told = finals + told_after if shown else []
    assert told == list(range(told[0], minutes * 60_000 + 1, 60_000) if told else [])
