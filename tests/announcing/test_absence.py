"""Whether the log can vouch for what happened while somebody was away."""

from dataclasses import replace

import pytest

from services.announcing.absence import absence_by_bars, absence_by_past, absence_of, is_whole
from services.announcing.announcement import Absence, Announcement, Kind, Priority
from services.announcing.news import Past
from services.announcing.preferences import Verbosity
from services.announcing.wording import Steps, words
from services.live.log import FeedStatus, LogEntry, Position
from services.narration.voice import voice_for
from utils.domain import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Bar,
    BarState,
    Gap,
    GapReason,
    Instrument,
    Span,
    Timeframe,
    Topic,
)

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


MINUTES = Topic(BTC, Timeframe.parse("1m"))
# Three hours of bars; one is forming.
OPENS_MS = range(MINUTES.timeframe.floor(NOW_MS) - 180 * MINUTE_MS, NOW_MS + 1, MINUTE_MS)
HOURS_AWAY = Absence(OPENS_MS[0], NOW_MS)
UNKNOWN = "You were away for 3 hours. Bitcoin in US dollars: what happened meanwhile is not known."


def past_with(hole: range, reason: GapReason) -> Past:
    """Return minutes of which some are missing; the price was twice as high before them."""
    bars = [
        bar(OPENS_MS[number], *[200.0 if number < hole.start else 100.0] * 4)
        for number in range(len(OPENS_MS))
        if number not in hole
    ]
    # The minute that runs holds no bar until its first trade; that is no gap.
    return Past(tuple(bars), (Gap(Span(OPENS_MS[hole.start], OPENS_MS[min(hole.stop, 180)]), reason),))


@pytest.mark.parametrize("reason", GapReason)
def test_prices_from_before_a_hole_up_to_now_are_not_those_of_now(reason: GapReason) -> None:
    absence = absence_by_past(MINUTES, past_with(range(60, 181), reason), HOURS_AWAY)
    told = text_of(absence)
    assert (told == UNKNOWN) is (reason is not GapReason.NO_TRADES), told
    assert absence.last == (200.0 if reason is GapReason.NO_TRADES else None)


@pytest.mark.parametrize("runs", [True, False])
def test_a_bar_that_has_only_just_ended_may_not_be_known_yet(*, runs: bool) -> None:
    hole = range(179, 180 if runs else 181)
    told = text_of(absence_by_past(MINUTES, past_with(hole, GapReason.UNFETCHED), HOURS_AWAY))
    assert "High 200.00" in told
    assert told.endswith("This is what the bars of history say.")
    failed = text_of(absence_by_past(MINUTES, past_with(hole, GapReason.OUTAGE), HOURS_AWAY))
    assert failed.endswith("since the bar of 20 November, 01:00 began.") if runs else failed == UNKNOWN


@pytest.mark.parametrize("reason", GapReason)
def test_prices_are_told_from_the_end_of_a_hole_on(reason: GapReason) -> None:
    absence = absence_by_past(MINUTES, past_with(range(60, 120), reason), HOURS_AWAY)
    told = text_of(absence)
    if reason is GapReason.NO_TRADES:
        assert "down 50.0 percent" in told
        assert told.endswith("This is what the bars of history say.")
        return
    assert told == (
        "You were away for 3 hours. Bitcoin in US dollars: unchanged, now 100.00. High 100.00, low 100.00. "
        "These are the prices since the bar of 20 November, 00:00 began."
    )
    assert absence.cover is not None
    assert absence.cover.from_ms == OPENS_MS[120]


def test_a_hole_from_before_an_absence_is_no_matter() -> None:
    past = past_with(range(60, 120), GapReason.OUTAGE)
    told = text_of(absence_by_past(MINUTES, past, Absence(OPENS_MS[120], NOW_MS)))
    assert told.startswith("You were away for 1 hour. ")
    assert told.endswith("This is what the bars of history say.")


@pytest.mark.parametrize(("age_ms", "known"), [(60_000, True), (60_001, False), (20 * HOUR_MS, False)])
def test_a_bar_that_still_runs_tells_the_price_of_when_its_exchange_last_answered(
    age_ms: int, *, known: bool
) -> None:
    topic = Topic(BTC, Timeframe.parse("1d"))
    day = bar(topic.timeframe.floor(NOW_MS), 100.0, 106.0, 99.0, 105.0)
    past = Past((day,), answered_ms=NOW_MS - age_ms)
    absence = absence_by_past(topic, past, Absence(NOW_MS - HOUR_MS, NOW_MS))
    assert ("now 105.00" in text_of(absence, "1d")) is known


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
