"""What answers about announcements and price alerts look like; pure."""

from typing import Annotated, Literal

from pydantic import Field

from blueprints.formats.answer_model import AnswerModel, DecimalText, TimeMs, example
from blueprints.formats.ws_announce import AnnounceMessage
from services.stores.alerts import AlertKind, AlertState

ALERT = {
    "id": 4,
    "market": "simulated",
    "exchange": "simex",
    "symbol": "BTC/USD",
    "timeframe": "1m",
    "kind": "cross_above",
    "level": "60000",
    "percent": None,
    "window_ms": None,
    "hysteresis_percent": "0.1",
    "repeats": True,
    "state": "new",
    "fired_count": 0,
    "fired_time_ms": None,
    "created_time_ms": 1795255200000,
}
ALERT_FIRED = {
    "sequence": 813,
    "priority": "critical",
    "kind": "alert",
    "topic": "bars:simulated:simex:BTC/USD:1m",
    "symbol": "BTC/USD",
    "event_time_ms": 1795255200000,
    "sent_time_ms": 1795255200250,
    "text": "Alert: Bitcoin rose above 60,000 US dollars, now 60,012.50.",
    "short": "Alert: Bitcoin rose above 60,000 US dollars",
    "lang": "en",
    "dir": "ltr",
    "speech_s": 5.1,
    "conflated": 0,
    "cover": None,
    "facts": [{"name": "level", "value": "60000"}, {"name": "price", "value": "60012.50"}],
}


class AlertAnswer(AnswerModel):
    """A price alert."""

    model_config = example(ALERT)

    id: int
    market: str
    exchange: str
    symbol: str
    timeframe: str
    kind: AlertKind
    level: DecimalText | None
    percent: DecimalText | None
    window_ms: int | None
    hysteresis_percent: DecimalText
    repeats: bool
    state: AlertState
    fired_count: Annotated[int, Field(ge=0)]
    fired_time_ms: TimeMs | None
    created_time_ms: TimeMs


class AlertsPage(AnswerModel):
    """Your alerts in order of their id."""

    model_config = example({"alerts": [ALERT], "next": None})

    alerts: list[AlertAnswer]
    next: Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]


class MissedAnnouncement(AnnounceMessage):
    """Something that was worth hearing, as live connections hear it, without a type."""

    type: Annotated[Literal["announce"], Field(exclude=True)] = "announce"


class MissedAnnouncements(AnswerModel):
    """What somebody missed."""

    model_config = example(
        {"sequence": 813, "lang": "en", "dir": "ltr", "catch_up": None, "announcements": [ALERT_FIRED]}
    )

    sequence: Annotated[int, Field(ge=0, description="The since of the next request.")]
    lang: str
    dir: Literal["ltr", "rtl"]
    catch_up: Annotated[
        MissedAnnouncement | None, Field(description="What the symbol did meanwhile; null without one.")
    ]
    announcements: list[MissedAnnouncement]
