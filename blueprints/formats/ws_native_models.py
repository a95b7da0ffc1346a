"""The wire models of the native WebSocket dialect, and the reading of its commands; pure.

The models are the contract: every message that is sent validates against one of them.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from blueprints.formats.ws_announce import AnnounceMessage, PreferencesCommand, PreferredMessage
from blueprints.formats.ws_frame import (
    AuthenticateCommand,
    AuthenticatedMessage,
    HeartbeatMessage,
    PingCommand,
    PongMessage,
    ServerShutdownMessage,
    WireCommand,
    WireMessage,
    read_command,
)
from services.live.log import Position


class BarShape(WireMessage):
    """One bar as messages carry it."""

    open_time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: Literal["forming", "closed", "corrected"]
    revision: int
    source: Literal["exchange", "trades", "derived", "simulated"]


class HelloMessage(WireMessage):
    """Greets, first of all."""

    type: Literal["hello"]
    connection_id: str
    server_time_ms: int
    heartbeat_ms: int
    topics_max: int


class SubscribedMessage(WireMessage):
    """Confirms a topic; with ``recovered`` false a snapshot follows."""

    type: Literal["subscribed"]
    topic: str
    market: str
    exchange: str
    symbol: str
    timeframe: str
    epoch: str
    offset: str
    recovered: bool


class UnsubscribedMessage(WireMessage):
    """Confirms that a topic has ended."""

    type: Literal["unsubscribed"]
    topic: str


class SnapshotMessage(WireMessage):
    """Gives the newest bars, oldest first."""

    type: Literal["snapshot"]
    topic: str
    epoch: str
    offset: str
    bars: list[BarShape]


class BarMessage(WireMessage):
    """Gives a bar as it forms, closes or is corrected; ``sequence`` counts a topic's messages from 1."""

    type: Literal["bar"]
    topic: str
    offset: str
    sequence: int
    bar: BarShape


class StatusMessage(WireMessage):
    """Says how a topic's feed is."""

    type: Literal["status"]
    topic: str
    offset: str
    sequence: int
    state: Literal["live", "delayed", "stale", "offline"]
    since_ms: int
    text: str


class ResyncMessage(WireMessage):
    """Says that something was missed that cannot be known; a snapshot follows, sequence begins anew."""

    type: Literal["resync"]
    topic: str
    epoch: str
    offset: str


class ErrorMessage(WireMessage):
    """Says that a command could not be done."""

    type: Literal["error"]
    id: str | None
    code: str
    detail: str


OUTGOING: TypeAdapter[object] = TypeAdapter(
    Annotated[
        HelloMessage
        | SubscribedMessage
        | UnsubscribedMessage
        | SnapshotMessage
        | BarMessage
        | StatusMessage
        | AnnounceMessage
        | PreferredMessage
        | ResyncMessage
        | HeartbeatMessage
        | PongMessage
        | AuthenticatedMessage
        | ErrorMessage
        | ServerShutdownMessage,
        Field(discriminator="type"),
    ]
)


class SinceShape(WireCommand):
    """A position to resume from."""

    epoch: str
    offset: Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$")]

    def position(self) -> Position:
        """Return the position as the log knows it."""
        return Position(self.epoch, self.offset)


class SubscribeCommand(WireCommand):
    """Subscribes to a symbol's bars; what is left out is as in the address of the connection."""

    type: Literal["subscribe", "resume"]
    symbol: Annotated[str, Field(min_length=1, max_length=64)]
    market: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    since: SinceShape | None = None


class UnsubscribeCommand(WireCommand):
    """Ends a topic, named as ``subscribed`` named it."""

    type: Literal["unsubscribe"]
    topic: str


Command = SubscribeCommand | UnsubscribeCommand | PingCommand | AuthenticateCommand | PreferencesCommand
COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


def parse_command(text: str) -> Command:
    """Read one command. Raises: MalformedRequest with a sentence."""
    return read_command(COMMANDS, text, "subscribe, resume, unsubscribe, preferences, authenticate or ping")
