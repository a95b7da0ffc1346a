"""Announcements and preferences on the wire: their models, and what becomes of them; pure."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from blueprints.formats.ws_frame import WireCommand, WireMessage, typed
from services.announcing.announcement import Announcement, Cover
from services.announcing.messages import Announce, Preferred
from services.announcing.preferences import (
    MIN_GAP_S_MAX,
    MIN_GAP_S_MIN,
    MOVE_MAX,
    WORDS_PER_MINUTE_MAX,
    WORDS_PER_MINUTE_MIN,
    Mode,
    MoveThreshold,
    MoveUnit,
    PreferencesChange,
    Verbosity,
    encode_preferences,
)
from services.live.dialect import Prefer
from services.narration.numbers import exact_price
from utils.domain import Topic

SPEECH_DECIMALS = 1

ModeText = Literal["off", "alerts", "important", "all"]
VerbosityText = Literal["brief", "normal", "full"]
Size = Annotated[float, Field(gt=0, le=MOVE_MAX, allow_inf_nan=False)]


class CoverShape(WireMessage):
    """The prices since the message before this one, exactly."""

    open: str
    high: str
    low: str
    last: str
    from_ms: int
    to_ms: int


class FactShape(WireMessage):
    """One number that the text names, exactly."""

    name: str
    value: str


class AnnounceMessage(WireMessage):
    """Says something that is worth hearing; ``text`` is whole, ``short`` is its beginning."""

    type: Literal["announce"]
    sequence: int
    priority: Literal["critical", "important", "routine"]
    kind: Literal["bar_close", "move", "extreme", "volume_spike", "alert", "feed", "catch_up"]
    topic: str
    symbol: str
    event_time_ms: int
    sent_time_ms: int
    text: str
    short: str
    lang: str
    dir: Literal["ltr", "rtl"]
    speech_s: float
    conflated: int
    cover: CoverShape | None
    facts: list[FactShape]


def _one_of_three_units(schema: dict[str, Any]) -> None:
    # What _names_one checks, as a schema can say it.
    schema["oneOf"] = [
        {"properties": {unit: {"not": {"type": "null"}}}, "required": [unit]} for unit in schema["properties"]
    ]


class MoveShape(WireMessage):
    """From which size on a move is told, in one of three units."""

    model_config = ConfigDict(json_schema_extra=_one_of_three_units)

    percent: Size | None = None
    ticks: Size | None = None
    atr: Size | None = None

    @model_validator(mode="after")
    def _names_one(self) -> "MoveShape":
        if sum(size is not None for size in (self.percent, self.ticks, self.atr)) != 1:
            raise ValueError("must name one of percent, ticks or atr.")
        return self

    def threshold(self) -> MoveThreshold:
        """Return the size as announcements know it."""
        for unit in MoveUnit:
            amount = getattr(self, unit.value)
            if amount is not None:
                return MoveThreshold(unit, amount)
        raise AssertionError("one is named")


class PreferredMessage(WireMessage):
    """Confirms what is announced from now on; ``stored`` tells whether it is kept for the user.

    ``sequence`` is how far the record of alerts was told; null where no alerts are told.
    """

    type: Literal["preferred"]
    id: str | None
    stored: bool
    sequence: int | None = None
    mode: ModeText
    verbosity: VerbosityText
    min_gap_s: float
    move: MoveShape
    words_per_minute: int
    locale: str | None
    time_zone: str | None


class PreferencesCommand(WireCommand):
    """Says what is to be announced, and how; what is left out stays as it is.

    ``since`` is the last ``sequence`` that was heard: alerts that fired after it are told again.
    """

    type: Literal["preferences"]
    mode: ModeText | None = None
    verbosity: VerbosityText | None = None
    min_gap_s: Annotated[float, Field(ge=MIN_GAP_S_MIN, le=MIN_GAP_S_MAX)] | None = None
    move: MoveShape | None = None
    words_per_minute: Annotated[int, Field(ge=WORDS_PER_MINUTE_MIN, le=WORDS_PER_MINUTE_MAX)] | None = None
    locale: str | None = None
    time_zone: str | None = None
    since: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    away_since_ms: Annotated[int, Field(ge=0, lt=2**53)] | None = None

    def prefer(self) -> Prefer:
        """Return the command that it is."""
        change = PreferencesChange(
            mode=None if self.mode is None else Mode(self.mode),
            verbosity=None if self.verbosity is None else Verbosity(self.verbosity),
            min_gap_s=self.min_gap_s,
            move=None if self.move is None else self.move.threshold(),
            words_per_minute=self.words_per_minute,
            locale=self.locale,
            time_zone=self.time_zone,
        )
        return Prefer(change, self.since, self.away_since_ms, self.id)


def encode_announce(message: Announce, now_ms: int) -> dict[str, object]:
    """Return an announcement as it is sent at this time."""
    return typed("announce", sequence=message.sequence, **announcement_fields(message, now_ms))


def announcement_fields(message: Announce, now_ms: int) -> dict[str, object]:
    """Return all of an announcement but its type and sequence."""
    announcement = message.announcement
    return {
        "priority": announcement.priority.value,
        "kind": announcement.kind.value,
        **_place(announcement.topic),
        "event_time_ms": announcement.event_time_ms,
        "sent_time_ms": now_ms,
        "text": message.words.text,
        "short": message.words.short,
        "lang": message.language,
        "dir": message.direction,
        "speech_s": round(message.speech_s, SPEECH_DECIMALS),
        "conflated": announcement.conflated,
        "cover": _cover(announcement, message.steps.price),
        "facts": [{"name": fact.name, "value": fact.value} for fact in message.words.facts],
    }


def encode_preferred(message: Preferred) -> dict[str, object]:
    """Return the confirmation of what is preferred."""
    shown = encode_preferences(message.preferences)
    return typed(
        "preferred", id=message.command_id, stored=message.stored, sequence=message.sequence, **shown
    )


def _place(topic: Topic) -> dict[str, object]:
    return {"topic": topic.text, "symbol": topic.instrument.symbol}


def _cover(announcement: Announcement, step: Decimal | None) -> dict[str, object] | None:
    cover: Cover | None = announcement.cover
    if cover is None:
        return None
    prices = {
        name: f"{exact_price(getattr(cover, name), step):f}" for name in ("open", "high", "low", "last")
    }
    return {**prices, "from_ms": cover.from_ms, "to_ms": cover.to_ms}
