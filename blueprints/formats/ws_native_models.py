"""The wire models of the native WebSocket dialect, and the reading of its commands; pure.

The models are the contract: every message that is sent validates against one of them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.live.log import Position
from utils.errors import MalformedRequest
from utils.json_codec import JsonError, decode_json


class Wire(BaseModel):
    """Base of every message: nothing may be added in silence."""

    model_config = ConfigDict(extra="forbid")


class BarShape(Wire):
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


class HelloMessage(Wire):
    """Greets, first of all."""

    type: Literal["hello"]
    connection_id: str
    server_time_ms: int
    heartbeat_ms: int
    topics_max: int


class SubscribedMessage(Wire):
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


class UnsubscribedMessage(Wire):
    """Confirms that a topic has ended."""

    type: Literal["unsubscribed"]
    topic: str


class SnapshotMessage(Wire):
    """Gives the newest bars, oldest first."""

    type: Literal["snapshot"]
    topic: str
    epoch: str
    offset: str
    bars: list[BarShape]


class BarMessage(Wire):
    """Gives a bar as it forms, closes or is corrected; ``sequence`` counts a topic's messages from 1."""

    type: Literal["bar"]
    topic: str
    offset: str
    sequence: int
    bar: BarShape


class StatusMessage(Wire):
    """Says how a topic's feed is."""

    type: Literal["status"]
    topic: str
    offset: str
    sequence: int
    state: Literal["live", "delayed", "stale", "offline"]
    since_ms: int
    text: str


class ResyncMessage(Wire):
    """Says that something was missed that cannot be known; a snapshot follows, sequence begins anew."""

    type: Literal["resync"]
    topic: str
    epoch: str
    offset: str


class HeartbeatMessage(Wire):
    """Shows that the line is alive."""

    type: Literal["heartbeat"]
    server_time_ms: int


class PongMessage(Wire):
    """Answers a ping."""

    type: Literal["pong"]
    id: str | None
    server_time_ms: int


class ErrorMessage(Wire):
    """Says that a command could not be done."""

    type: Literal["error"]
    id: str | None
    code: str
    detail: str


class ServerShutdownMessage(Wire):
    """Says that the server stops; the socket is then closed with 1012."""

    type: Literal["server_shutdown"]
    retry_ms: int
    text: str


OUTGOING: TypeAdapter[object] = TypeAdapter(
    Annotated[
        HelloMessage
        | SubscribedMessage
        | UnsubscribedMessage
        | SnapshotMessage
        | BarMessage
        | StatusMessage
        | ResyncMessage
        | HeartbeatMessage
        | PongMessage
        | ErrorMessage
        | ServerShutdownMessage,
        Field(discriminator="type"),
    ]
)


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=128)
    id: str | None = None


class SinceShape(_Command):
    """A position to resume from."""

    epoch: str
    offset: Annotated[str, Field(pattern=r"^\d{1,20}-\d{1,20}$")]

    def position(self) -> Position:
        """Return the position as the log knows it."""
        return Position(self.epoch, self.offset)


class SubscribeCommand(_Command):
    """Subscribes to a symbol's bars; what is left out is as in the address of the connection."""

    type: Literal["subscribe", "resume"]
    symbol: Annotated[str, Field(min_length=1, max_length=64)]
    market: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    since: SinceShape | None = None


class UnsubscribeCommand(_Command):
    """Ends a topic, named as ``subscribed`` named it."""

    type: Literal["unsubscribe"]
    topic: str


class PingCommand(_Command):
    """Asks for a pong."""

    type: Literal["ping"]


Command = SubscribeCommand | UnsubscribeCommand | PingCommand
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


def parse_command(text: str) -> Command:
    """Read one command. Raises: MalformedRequest with a sentence."""
    try:
        return _COMMANDS.validate_python(decode_json(text.encode()))
    except (JsonError, UnicodeEncodeError) as error:
        raise MalformedRequest("A command must be a JSON object.", code="malformed_json") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        if problem["type"].startswith("union_tag") or problem["type"] == "model_attributes_type":
            detail = "The type of a command must be subscribe, resume, unsubscribe or ping."
        else:
            place = ".".join(str(part) for part in problem["loc"][1:]) or "the command"
            detail = f"This command does not fit at {place}: {problem['msg']}."
        raise MalformedRequest(detail, code="invalid_command") from error
