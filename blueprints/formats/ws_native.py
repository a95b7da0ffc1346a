"""The native WebSocket dialect: messages out, commands in; pure.

The models are the contract: every message that is sent validates against one of them.
"""

from functools import lru_cache
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.live.log import FeedStatus, LogEntry, Position, is_offset
from services.live.messages import (
    Failure,
    Heartbeat,
    Message,
    Pong,
    Resync,
    Shutdown,
    Snapshot,
    Subscribed,
    Unsubscribed,
    Update,
)
from utils.domain import Bar, Topic
from utils.errors import MalformedRequest
from utils.json_codec import JsonError, decode_json

SHUTDOWN_TEXT = "The server restarts. Connect again in a few seconds."


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


def parse_since(text: str) -> Position | None:
    """Read ``EPOCH,OFFSET``; None when the text has another form."""
    epoch, comma, offset = text.partition(",")
    if not comma or not epoch.isascii() or not epoch.isdigit() or not is_offset(offset):
        return None
    return Position(epoch, offset)


def encode_hello(connection_id: str, now_ms: int, heartbeat_ms: int, topics_max: int) -> bytes:
    """Return the greeting."""
    return orjson.dumps(
        {
            "type": "hello",
            "connection_id": connection_id,
            "server_time_ms": now_ms,
            "heartbeat_ms": heartbeat_ms,
            "topics_max": topics_max,
        }
    )


def encode_update(entry: LogEntry, sequence: int) -> bytes:
    """Return a bar or a status; all but the sequence is encoded once for all connections."""
    head, tail = _encode_entry(entry)
    return b"%b%d%b" % (head, sequence, tail)


@lru_cache(maxsize=4096)
def _encode_entry(entry: LogEntry) -> tuple[bytes, bytes]:
    event = entry.event
    if isinstance(event, Bar):
        head, facts = b'{"type":"bar","sequence":', _fields(bar=_bar(event))
    else:
        head, facts = b'{"type":"status","sequence":', _status(event)
    place = _fields(topic=entry.topic.text, offset=entry.position.offset)
    return head, b"," + orjson.dumps(place | facts)[1:]


def encode_message(message: Message, now_ms: int) -> bytes:  # noqa: PLR0911 - one answer a message type
    """Return any message but an update."""
    match message:
        case Subscribed():
            place = _topic(message.topic) | _position(message.position)
            return orjson.dumps(_typed("subscribed", place | {"recovered": message.recovered}))
        case Unsubscribed():
            return orjson.dumps({"type": "unsubscribed", "topic": message.topic.text})
        case Snapshot():
            bars = [_bar(bar) for bar in message.bars]
            place = _position(message.position)
            return orjson.dumps(_typed("snapshot", {"topic": message.topic.text, **place, "bars": bars}))
        case Resync():
            place = _position(message.position)
            return orjson.dumps(_typed("resync", {"topic": message.topic.text, **place}))
        case Failure():
            return orjson.dumps(
                {"type": "error", "id": message.command_id, "code": message.code, "detail": message.detail}
            )
        case Pong():
            return orjson.dumps({"type": "pong", "id": message.command_id, "server_time_ms": now_ms})
        case Heartbeat():
            return orjson.dumps({"type": "heartbeat", "server_time_ms": now_ms})
        case Shutdown():
            return orjson.dumps(
                {"type": "server_shutdown", "retry_ms": message.retry_ms, "text": SHUTDOWN_TEXT}
            )
        case Update():
            raise TypeError("an update needs its sequence")


def _fields(**fields: object) -> dict[str, object]:
    return fields


def _typed(name: str, fields: dict[str, object]) -> dict[str, object]:
    # The type comes first: a person who reads or hears the message knows at once what it is.
    return {"type": name, **fields}


def _bar(bar: Bar) -> dict[str, object]:
    return {
        "open_time_ms": bar.open_time_ms,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "state": bar.state.value,
        "revision": bar.revision,
        "source": bar.source.value,
    }


def _status(status: FeedStatus) -> dict[str, object]:
    return {"state": status.state, "since_ms": status.since_ms, "text": status.text}


def _topic(topic: Topic) -> dict[str, object]:
    instrument = topic.instrument
    return {
        "topic": topic.text,
        "market": instrument.market,
        "exchange": instrument.exchange,
        "symbol": instrument.symbol,
        "timeframe": topic.timeframe.text,
    }


def _position(position: Position) -> dict[str, object]:
    return {"epoch": position.epoch, "offset": position.offset}
