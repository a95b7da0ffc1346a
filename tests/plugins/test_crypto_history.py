"""The first bars after an instant, from an exchange that looks at one window for each question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.base import BarPage, LiveMode, VenueProfile
from plugins.crypto_history import asked_rows, find_first_page
from utils.domain import DAY_MS, MINUTE_MS, Timeframe
from utils.errors import UpstreamTimeout

MINUTE, DAY = Timeframe(1, "m"), Timeframe(1, "d")
NOW_MS = 20_000 * DAY_MS + 12_345
PROFILE = VenueProfile((MINUTE, Timeframe(1, "h"), DAY), page_bars=50, live_mode=LiveMode.POLL)

opens = st.lists(st.integers(NOW_MS // MINUTE_MS - 40 * 1440, NOW_MS // MINUTE_MS), unique=True, max_size=8)


class WindowedExchange:
    """Answers with the bars that open inside one window, as Bitstamp does."""

    def __init__(self, open_minutes: list[int]) -> None:
        self.trade_times_ms = sorted(minute * MINUTE_MS for minute in open_minutes)
        self.questions = 0

    async def ask(self, timeframe: Timeframe, start_ms: int, limit: int) -> BarPage:
        self.questions += 1
        end_ms = timeframe.shift(timeframe.ceil(start_ms), limit)
        times = sorted({timeframe.floor(time_ms) for time_ms in self.trade_times_ms})
        rows = tuple((time_ms, 1, 1, 1, 1, 1) for time_ms in times if start_ms <= time_ms < end_ms)
        return BarPage(rows, NOW_MS)


@given(opens, st.integers(0, 50 * 1440), st.integers(1, 50))
async def test_it_finds_what_one_look_at_everything_would_find(
    open_minutes: list[int], ago_minutes: int, limit: int
) -> None:
    exchange = WindowedExchange(open_minutes)
    start_ms = MINUTE.floor(NOW_MS) - ago_minutes * MINUTE_MS
    page = await find_first_page(exchange.ask, PROFILE, MINUTE, start_ms=start_ms, limit=limit)
    following = [time_ms for time_ms in exchange.trade_times_ms if time_ms >= start_ms]
    found = [row[0] for row in page.rows]
    # The first ones, without a hole; not always all of them.
    assert found == following[: len(found)]
    assert bool(found) == bool(following)
    assert len(found) <= limit


async def test_years_without_a_bar_cost_few_questions() -> None:
    exchange = WindowedExchange([NOW_MS // MINUTE_MS - 5])
    page = await find_first_page(
        exchange.ask, PROFILE, MINUTE, start_ms=MINUTE.floor(NOW_MS) - 300 * DAY_MS, limit=10
    )
    assert len(page.rows) == 1
    assert exchange.questions <= 20


async def test_a_stretch_without_end_is_given_up() -> None:
    exchange = WindowedExchange([NOW_MS // MINUTE_MS])
    with pytest.raises(UpstreamTimeout, match="Ask for a later time"):
        await find_first_page(exchange.ask, PROFILE, MINUTE, start_ms=0, limit=10)


def test_rows_outside_the_question_are_dropped_and_strange_ones_are_not() -> None:
    one, two, three, five = (NOW_MS + minute * MINUTE_MS for minute in (1, 2, 3, 5))
    rows = [(five, 1), (one, 1), (None, 2), (three, 1), (three, 9), (two, 1), ("x", 3)]
    expected = ((None, 2), (three, 1), (three, 9), (two, 1), ("x", 3))
    assert asked_rows(rows, start_ms=two, limit=2) == expected
