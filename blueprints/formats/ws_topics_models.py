"""The wire models of the WebSocket dialect of chart datafeeds; pure."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from blueprints.formats.ws_frame import (
    AuthenticateCommand,
    AuthenticatedMessage,
    HeartbeatMessage,
    PingCommand,
    PongMessage,
    ServerShutdownMessage,
    WireCommand,
    WireMessage,
)

TOPICS_MAX = 50

TopicText = Annotated[str, Field(min_length=1, max_length=128)]


class ChartBar(WireMessage):
    """A bar as charts take it; ``time`` is its open in UTC milliseconds."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class BarNews(WireMessage):
    """A bar and what it says of itself."""

    bar: ChartBar
    closed: bool
    state: Literal["forming", "closed", "corrected"]
    revision: int


class BarsSubscribedMessage(WireMessage):
    """Confirms a topic; a snapshot follows."""

    type: Literal["bars.subscribed"]
    topic: str
    market: str
    exchange: str
    symbol: str
    timeframe: str


class BarsUnsubscribedMessage(WireMessage):
    """Confirms that a topic has ended."""

    type: Literal["bars.unsubscribed"]
    topic: str


class BarsSnapshotMessage(WireMessage):
    """Gives the newest bars, oldest first."""

    type: Literal["bars.snapshot"]
    topic: str
    bars: list[BarNews]


class BarsUpdateMessage(BarNews):
    """Gives a bar as it forms, closes or is corrected; ``sequence`` counts a topic's messages from 1."""

    type: Literal["bars.update"]
    sequence: int
    topic: str


class BarsResyncMessage(WireMessage):
    """Says that bars were missed: history has them. A snapshot follows, sequence begins anew."""

    type: Literal["bars.resync"]
    topic: str


class TopicStatusMessage(WireMessage):
    """Says how a topic's feed is."""

    type: Literal["status"]
    sequence: int
    topic: str
    state: Literal["live", "delayed", "stale", "offline"]
    since_ms: int
    text: str


class TopicErrorMessage(WireMessage):
    """Says that a command could not be done; ``topic`` is the one that it failed for."""

    type: Literal["error"]
    id: str | None
    topic: str | None
    code: str
    detail: str


OUTGOING: TypeAdapter[object] = TypeAdapter(
    Annotated[
        BarsSubscribedMessage
        | BarsUnsubscribedMessage
        | BarsSnapshotMessage
        | BarsUpdateMessage
        | BarsResyncMessage
        | TopicStatusMessage
        | HeartbeatMessage
        | PongMessage
        | AuthenticatedMessage
        | TopicErrorMessage
        | ServerShutdownMessage,
        Field(discriminator="type"),
    ]
)


class TopicsCommand(WireCommand):
    """Begins or ends topics: one as ``topic``, or several as ``topics``."""

    type: Literal["bars.subscribe", "bars.unsubscribe"]
    topic: TopicText | None = None
    topics: Annotated[tuple[TopicText, ...], Field(min_length=1, max_length=TOPICS_MAX)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "TopicsCommand":
        if (self.topic is None) == (self.topics is None):
            raise ValueError("give topic or topics")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """Return the topics in order, each once."""
        return tuple(dict.fromkeys(self.topics or (self.topic or "",)))


COMMANDS: TypeAdapter[TopicsCommand | PingCommand | AuthenticateCommand] = TypeAdapter(
    Annotated[TopicsCommand | PingCommand | AuthenticateCommand, Field(discriminator="type")]
)
