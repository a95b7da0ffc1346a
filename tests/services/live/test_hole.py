"""How far back a feed reads when it begins: nothing is left out in silence."""

from hypothesis import given
from hypothesis import strategies as st

from services.live.hole import HOLE_BARS_MAX, OVERLAP_BARS, find_hole
from utils.domain import DAY_MS, Timeframe

NOW_MS = 20_000 * DAY_MS + 12_345
timeframes = st.sampled_from(["1s", "5s", "1m", "4h", "1d", "1w", "1M"]).map(Timeframe.parse)
bars_ago = st.integers(0, 2 * HOLE_BARS_MAX)


def test_a_log_that_says_nothing_begins_with_the_last_close() -> None:
    minute = Timeframe.parse("1m")
    hole = find_hole(minute, NOW_MS, newest_final_ms=None, oldest_logged_ms=None)
    assert hole.whole
    assert (hole.span.start_ms, hole.span.end_ms) == (minute.shift(NOW_MS, -1), minute.next(NOW_MS))


@given(timeframes, bars_ago, bars_ago)
def test_whoever_is_told_the_hole_misses_nothing_or_the_log_begins_anew(
    timeframe: Timeframe, newest: int, older: int
) -> None:
    newest_ms = timeframe.shift(NOW_MS, -newest)
    oldest_ms = timeframe.shift(newest_ms, -older)
    hole = find_hole(timeframe, NOW_MS, newest_final_ms=newest_ms, oldest_logged_ms=oldest_ms)
    assert hole.whole == (newest < HOLE_BARS_MAX)
    assert hole.span.end_ms == timeframe.next(NOW_MS)
    # The last close is read in any case, and never more than a page.
    assert hole.span.start_ms <= timeframe.shift(NOW_MS, -1)
    assert timeframe.shift(hole.span.start_ms, HOLE_BARS_MAX) >= hole.span.end_ms
    if hole.whole:
        assert hole.span.start_ms <= max(newest_ms, timeframe.shift(NOW_MS, -1))
        assert hole.span.start_ms >= min(
            timeframe.shift(newest_ms, -OVERLAP_BARS), timeframe.shift(NOW_MS, -1)
        )


@given(timeframes, bars_ago)
def test_a_bar_that_was_told_and_never_closed_is_read(timeframe: Timeframe, ago: int) -> None:
    told_ms = timeframe.shift(NOW_MS, -ago)
    hole = find_hole(timeframe, NOW_MS, newest_final_ms=None, oldest_logged_ms=told_ms)
    assert not hole.whole or hole.span.start_ms <= told_ms


@given(timeframes, bars_ago, bars_ago)
def test_a_session_begins_with_all_that_the_log_vouches_for(
    timeframe: Timeframe, newest: int, older: int
) -> None:
    newest_ms = timeframe.shift(NOW_MS, -newest)
    oldest_ms = timeframe.shift(newest_ms, -older)
    hole = find_hole(timeframe, NOW_MS, newest_final_ms=newest_ms, oldest_logged_ms=oldest_ms, begins=True)
    within = newest + older < HOLE_BARS_MAX
    assert not within or hole.span.start_ms == min(oldest_ms, timeframe.shift(NOW_MS, -1))
    assert timeframe.shift(hole.span.start_ms, HOLE_BARS_MAX) >= hole.span.end_ms


@given(timeframes, bars_ago, st.integers(0, HOLE_BARS_MAX - 1))
def test_where_nobody_trades_the_log_goes_on_as_long_as_somebody_looks(
    timeframe: Timeframe, newest: int, fed: int
) -> None:
    newest_ms, fed_ms = timeframe.shift(NOW_MS, -newest), timeframe.shift(NOW_MS, -fed)
    hole = find_hole(
        timeframe, NOW_MS, newest_final_ms=newest_ms, oldest_logged_ms=newest_ms, fed_until_ms=fed_ms
    )
    assert hole.whole
