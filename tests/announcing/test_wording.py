"""An alert says what was true when it fired, also when it is told hours later."""

from decimal import Decimal

import pytest

from services.announcing.alerts import alert_news
from services.announcing.announcement import Announcement, Kind, Priority
from services.announcing.preferences import Verbosity
from services.announcing.wording import Steps, words
from services.narration.voice import voice_for
from services.stores.alerts import AlertKind
from services.stores.announcements import Firing
from tests.announcing.alert_house import TOPIC
from tests.narration.samples import MOMENT_MS
from utils.domain import HOUR_MS

CROSSING = {"level": Decimal(60_000), "from_price": None, "percent": None, "window_ms": None}
MOVE = {"level": None, "from_price": 100.0, "percent": Decimal(2), "window_ms": 900_000}


def text_of(kind: AlertKind, price: float, *, told_after_ms: int, **terms: object) -> str:
    given = {
        "sequence": 7,
        "alert_id": 1,
        "user_id": 1,
        "topic": TOPIC,
        "kind": kind,
        "price": price,
        "event_time_ms": MOMENT_MS,
    }
    firing = Firing(**given, **terms)
    news = alert_news(firing, MOMENT_MS + told_after_ms)
    announcement = Announcement(Kind.ALERT, Priority.CRITICAL, TOPIC, MOMENT_MS, (news,))
    return words(announcement, Steps.of(0.01, None), voice_for("en", None), Verbosity.NORMAL).text


@pytest.mark.parametrize("told_after_ms", [-500, 0, 60_000])
def test_what_has_just_fired_says_what_is_now(told_after_ms: int) -> None:
    text = text_of(AlertKind.CROSS_ABOVE, 60_123.5, told_after_ms=told_after_ms, **CROSSING)
    assert text == "Alert. Bitcoin in US dollars: rose to 60,000, now 60,123.50."


@pytest.mark.parametrize(("kind", "verb"), [(AlertKind.CROSS_ABOVE, "rose"), (AlertKind.CROSS_BELOW, "fell")])
def test_what_fired_long_ago_says_when(kind: AlertKind, verb: str) -> None:
    text = text_of(kind, 60_123.5, told_after_ms=8 * HOUR_MS, **CROSSING)
    assert text == (
        f"Alert. Bitcoin in US dollars: {verb} to 60,000 on 21 November 2026, 13:05, then at 60,123.50."
    )


def test_a_move_says_the_price_it_reached_and_not_that_it_is_there_now() -> None:
    text = text_of(AlertKind.PERCENT_IN_WINDOW, 102.5, told_after_ms=0, **MOVE)
    assert text == "Alert. Bitcoin in US dollars: up 2.5 percent within 15 minutes, to 102.50."
    old = text_of(AlertKind.PERCENT_IN_WINDOW, 102.5, told_after_ms=61_000, **MOVE)
    assert old == (
        "Alert. Bitcoin in US dollars: up 2.5 percent within 15 minutes on 21 November 2026, 13:05, "
        "to 102.50."
    )
