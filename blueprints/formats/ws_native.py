"""The native WebSocket dialect: messages out, commands in; pure."""

from functools import lru_cache

import orjson

from blueprints.formats.ws_announce import PreferencesCommand, encode_announce, encode_preferred
from blueprints.formats.ws_frame import (
    NEWS_ENCODED,
    AuthenticateCommand,
    PingCommand,
    common,
    status_fields,
    typed,
)
from blueprints.formats.ws_native_models import SubscribeCommand, parse_command
from services.announcing.messages import Announce, AnnouncementsDue, Preferred
from services.live.dialect import Authenticate, Command, Dialect, Ping, Subscribe, Told, Unsubscribe, Wanted
from services.live.log import LogEntry, Position, is_offset
from services.live.messages import (
    Answer,
    Authenticated,
    Failure,
    Heartbeat,
    Hello,
    Message,
    Pong,
    Resync,
    Shutdown,
    Snapshot,
    Spoken,
    Subscribed,
    Unsubscribed,
    Update,
)
from utils.domain import Bar, Topic


def parse(text: str) -> Command:
    """Read one command. Raises: MalformedRequest with a sentence."""
    command = parse_command(text)
    if isinstance(command, PingCommand):
        return Ping(command.id)
    if isinstance(command, AuthenticateCommand):
        return Authenticate(command.token, command.id)
    if isinstance(command, PreferencesCommand):
        return command.prefer()
    if isinstance(command, SubscribeCommand):
        since = command.since.position() if command.since else None
        wanted = Wanted(command.symbol, command.market, command.exchange, command.timeframe, since)
        return Subscribe((wanted,), command.id)
    return Unsubscribe((command.topic,), command.id)


def parse_since(text: str) -> Position | None:
    """Read ``EPOCH,OFFSET``; None when the text has another form."""
    epoch, comma, offset = text.partition(",")
    if not comma or not epoch.isascii() or not epoch.isdigit() or not is_offset(offset):
        return None
    return Position(epoch, offset)


@lru_cache(maxsize=NEWS_ENCODED)
def _encode_entry(entry: LogEntry) -> tuple[bytes, bytes]:
    event = entry.event
    if isinstance(event, Bar):
        head, facts = b'{"type":"bar","sequence":', _fields(bar=_bar(event))
    else:
        head, facts = b'{"type":"status","sequence":', status_fields(event)
    place = _fields(topic=entry.topic.text, offset=entry.position.offset)
    return head, b"," + orjson.dumps(place | facts)[1:]


def encode(message: Message, told: Told) -> bytes | None:
    """Return a message; all of an update but its sequence is encoded once for all connections."""
    if isinstance(message, Update):
        head, tail = _encode_entry(message.entry)
        return b"%b%d%b" % (head, told.sequence, tail)
    if isinstance(message, AnnouncementsDue):
        return None
    return orjson.dumps(_encode_rest(message, told.now_ms))


def _encode_rest(  # noqa: PLR0911 - one answer a message type
    message: Answer | Spoken, now_ms: int
) -> dict[str, object]:
    match message:
        case Hello():
            return typed(
                "hello",
                connection_id=message.connection_id,
                server_time_ms=now_ms,
                heartbeat_ms=message.heartbeat_ms,
                topics_max=message.topics_max,
            )
        case Subscribed():
            place = _topic(message.topic) | _position(message.position)
            return typed("subscribed", **place, recovered=message.recovered)
        case Unsubscribed():
            return typed("unsubscribed", topic=message.topic.text)
        case Snapshot():
            bars = [_bar(bar) for bar in message.bars]
            return typed("snapshot", topic=message.topic.text, **_position(message.position), bars=bars)
        case Resync():
            return typed("resync", topic=message.topic.text, **_position(message.position))
        case Announce():
            return encode_announce(message, now_ms)
        case Preferred():
            return encode_preferred(message)
        case Failure():
            return typed("error", id=message.command_id, code=message.code, detail=message.detail)
        case Pong() | Authenticated() | Heartbeat() | Shutdown():
            return common(message, now_ms)


def _fields(**fields: object) -> dict[str, object]:
    return fields


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


NATIVE = Dialect(parse, encode)
