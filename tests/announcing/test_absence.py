"""Whether the log can vouch for what happened while somebody was away."""

from dataclasses import replace

import pytest

from services.announcing.absence import absence_by_bars, absence_of, is_whole
from services.announcing.announcement import Absence, Announcement, Kind, Priority
from services.announcing.preferences import Verbosity
from services.announcing.wording import Steps, words
from services.live.log import FeedStatus, LogEntry, Position
from services.narration.voice import voice_for
from utils.domain import DAY_MS, Bar, BarState, Instrument, Timeframe, Topic

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


def text_of(absence: Absence, timeframe: str = "1m") -> str:
    topic = Topic(BTC, Timeframe.parse(timeframe))
    announcement = Announcement(Kind.CATCH_UP, Priority.IMPORTANT, topic, NOW_MS, (absence,), absence.cover)
    return words(announcement, Steps.of(0.01, None), voice_for("en", None), Verbosity.NORMAL).text


def test_the_time_since_the_last_price_of_a_quiet_symbol_is_not_called_an_absence() -> None:
    left_ms = NOW_MS - 599_000
    absence = absence_of([], entry(599_000, "1m"), Absence(left_ms, NOW_MS))
    assert text_of(absence) == (
        "Since the last price you heard, 9 minutes 59 seconds ago. Bitcoin in US dollars: "
        "unchanged, now 10.50. High 10.50, low 10.50."
    )
    later = absence_of([entry(2_000, "1m")], entry(599_000, "1m"), Absence(left_ms, NOW_MS))
    assert text_of(later).startswith("Since the last price you heard, ")
    lively = absence_of([entry(59_000, "1m")], entry(60_000, "1m"), Absence(NOW_MS - 60_000, NOW_MS))
    assert text_of(lively).startswith("You were away for 1 minute. ")


def bar(open_time_ms: int, *prices: float) -> Bar:
    return Bar(open_time_ms, *prices, 1.0, BarState.FORMING)


def test_a_bar_that_began_long_before_tells_only_the_newest_price() -> None:
    topic = Topic(BTC, Timeframe.parse("1d"))
    day = bar(topic.timeframe.floor(NOW_MS), 100.0, 106.0, 99.0, 105.0)
    absence = absence_by_bars(topic, [day], Absence(NOW_MS - 60_000, NOW_MS))
    assert text_of(absence, "1d") == (
        "You were away for 1 minute. Bitcoin in US dollars: now 105.00. What it did meanwhile is not known."
    )


def test_bars_of_which_the_first_began_well_before_say_since_when() -> None:
    topic = Topic(BTC, Timeframe.parse("1h"))
    start_ms = topic.timeframe.floor(NOW_MS)
    bars = [bar(start_ms, 100.0, 106.0, 99.0, 105.0)]
    absence = absence_by_bars(topic, bars, Absence(start_ms + 1_000_000, start_ms + 3_000_000))
    assert text_of(absence, "1h").endswith("These are the prices since the bar of 20 November, 01:00 began.")


def test_bars_that_begin_only_within_an_absence_say_so_and_cover_no_more() -> None:
    topic = Topic(BTC, Timeframe.parse("1m"))
    start_ms = topic.timeframe.floor(NOW_MS) - 60_000
    first = replace(bar(start_ms, 100.0, 106.0, 99.0, 105.0), state=BarState.CLOSED)
    bars = [first, bar(start_ms + 60_000, 105.0, 105.0, 105.0, 105.0)]
    away = Absence(NOW_MS - 3 * DAY_MS, NOW_MS)
    absence = absence_by_bars(topic, bars, away, whole_from_ms=start_ms)
    # How many bars closed before the first of these, nobody counted.
    assert text_of(absence) == (
        "You were away for 3 days. Bitcoin in US dollars: up 5.0 percent, now 105.00. "
        "High 106.00, low 99.00. These are the prices since the bar of 20 November, 00:59 began."
    )
    assert absence.cover is not None
    assert (absence.cover.from_ms, absence.cover.to_ms) == (start_ms, NOW_MS)


def test_the_first_bar_of_a_long_absence_is_named_with_its_year() -> None:
    topic = Topic(BTC, Timeframe.parse("12h"))
    start_ms = topic.timeframe.floor(NOW_MS - 400 * DAY_MS)
    bars = [bar(start_ms, 100.0, 106.0, 99.0, 105.0)]
    absence = absence_by_bars(topic, bars, Absence(NOW_MS - 900 * DAY_MS, NOW_MS), whole_from_ms=start_ms)
    assert text_of(absence, "12h").endswith("since the bar of 16 October 2024, 00:00 began.")


def status(age_ms: int, state: str) -> LogEntry:
    heard = entry(age_ms, "1m")
    return LogEntry(heard.topic, heard.position, FeedStatus(state, NOW_MS - age_ms, state))


def test_how_long_the_feed_was_away_is_summed() -> None:
    missed = [status(55_000, "stale"), status(45_000, "live"), entry(40_000, "1m"), status(11_000, "stale")]
    absence = absence_of(missed, entry(60_000, "1m"), ABSENCE)
    assert absence.lost_ms == 21_000
    assert "Live prices were lost for 21 seconds of that time." in text_of(absence)
    before_all = absence_of([status(45_000, "live")], status(300_000, "offline"), ABSENCE)
    assert before_all.lost_ms == 15_000
