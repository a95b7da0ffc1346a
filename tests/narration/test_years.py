"""The times of a chart name the year wherever a day of the year could be taken for that of another."""

import pytest

from services.history_query import History, HistoryQuery
from services.narration.describe import describe
from services.narration.voice import voice_for
from tests.narration.samples import BITCOIN
from utils.domain import DAY_MS, HOUR_MS, Bar, BarState, InstrumentSpec, Timeframe

FOUR_HOURS = Timeframe.parse("4h")
# 1 January 2024, 00:00 UTC.
NEW_YEAR_MS = 1_704_067_200_000


def overview(first_ms: int, last_ms: int, as_of_ms: int) -> str:
    bars = tuple(
        Bar(open_ms, 10.0, 11.0, 9.0, 10.5, 1.0, BarState.CLOSED)
        for open_ms in range(first_ms, last_ms + 1, 4 * HOUR_MS)
    )
    history = History(
        query=HistoryQuery(BITCOIN, FOUR_HOURS),
        spec=InstrumentSpec(BITCOIN, "", "", price_step=0.01),
        gaps=(),
        as_of_ms=as_of_ms,
        stale=False,
        next_ms=None,
        settled=False,
        bars=bars,
    )
    return describe(history, voice_for("en", None)).sentences[0].text


@pytest.mark.parametrize(
    ("first_ms", "last_ms", "as_of_ms", "span"),
    [
        (
            NEW_YEAR_MS - 365 * DAY_MS,
            NEW_YEAR_MS,
            NEW_YEAR_MS,
            "from 1 January 2023, 00:00 to 1 January 2024, 00:00",
        ),
        (
            NEW_YEAR_MS,
            NEW_YEAR_MS + DAY_MS,
            NEW_YEAR_MS + 800 * DAY_MS,
            "from 1 January 2024, 00:00 to 2 January 2024, 00:00",
        ),
        (
            NEW_YEAR_MS,
            NEW_YEAR_MS + DAY_MS,
            NEW_YEAR_MS + DAY_MS,
            "from 1 January, 00:00 to 2 January, 00:00",
        ),
    ],
)
def test_years_are_said_where_they_are_not_clear(
    first_ms: int, last_ms: int, as_of_ms: int, span: str
) -> None:
    assert span in overview(first_ms, last_ms, as_of_ms)
