"""The WebSocket dialect of chart datafeeds, in the style of TradingView: bars by topic; pure.

A topic is what the client wrote: ``BITSTAMP:BTC/USD:60``, or a topic as this service names it.
"""

from functools import lru_cache

import orjson

from blueprints.formats.ws_frame import (
    NEWS_ENCODED,
    AuthenticateCommand,
    PingCommand,
    common,
    read_command,
    status_fields,
    typed,
)
from blueprints.formats.ws_topics_models import COMMANDS
from services.announcing.messages import Announce, AnnouncementsDue, Preferred
from services.live.dialect import Authenticate, Command, Dialect, Ping, Subscribe, Told, Unsubscribe, Wanted
from services.live.log import LogEntry
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
    Subscribed,
    Unsubscribed,
    Update,
)
from utils.domain import Bar
from utils.errors import MalformedRequest, shorten

OWN_PREFIX = "bars"


def parse(text: str) -> Command:
    """Read one command. Raises: MalformedRequest with a sentence."""
    command = read_command(COMMANDS, text, "bars.subscribe, bars.unsubscribe, authenticate or ping")
    if isinstance(command, PingCommand):
        return Ping(command.id)
    if isinstance(command, AuthenticateCommand):
        return Authenticate(command.token, command.id)
    if command.type == "bars.unsubscribe":
        return Unsubscribe(command.named, command.id)
    return Subscribe(tuple(parse_topic(topic) for topic in command.named), command.id)


def parse_topic(topic: str) -> Wanted:
    """Read ``EXCHANGE:SYMBOL:RESOLUTION`` or our own text; a symbol may hold colons itself.

    Raises: MalformedRequest with a sentence.
    """
    head, _, rest = topic.partition(":")
    market = None
    if head == OWN_PREFIX:
        market, _, rest = rest.partition(":")
        head, _, rest = rest.partition(":")
    symbol, _, resolution = rest.rpartition(":")
    if not (head and symbol and resolution) or market == "":
        raise MalformedRequest(
            f"{shorten(topic)} is no topic. Write EXCHANGE:SYMBOL:RESOLUTION, like BITSTAMP:BTC/USD:60.",
            code="invalid_command",
        )
    # TradingView writes exchanges in capitals; ours have none.
    return Wanted(symbol, market=market, exchange=head.lower(), timeframe=resolution, name=topic)


def encode(message: Message, told: Told) -> bytes | None:
    """Return a message, None for a greeting; all of an update but its sequence is encoded once for a name."""
    if isinstance(message, Update):
        head, tail = _encode_entry(message.entry, told.name)
        return b"%b%d%b" % (head, told.sequence, tail)
    if isinstance(message, Hello | Announce | Preferred | AnnouncementsDue):
        # Nothing is announced here, not even who answers.
        return None
    return orjson.dumps(_shape(message, told))


@lru_cache(maxsize=NEWS_ENCODED)
def _encode_entry(entry: LogEntry, name: str) -> tuple[bytes, bytes]:
    event = entry.event
    if isinstance(event, Bar):
        head, facts = b'{"type":"bars.update","sequence":', _news(event)
    else:
        head, facts = b'{"type":"status","sequence":', status_fields(event)
    return head, b"," + orjson.dumps({"topic": name, **facts})[1:]


def _shape(message: Answer, told: Told) -> dict[str, object]:
    match message:
        case Pong() | Authenticated() | Heartbeat() | Shutdown():
            return common(message, told.now_ms)
        case Failure():
            where = typed("error", id=message.command_id, topic=message.name)
            return where | {"code": message.code, "detail": message.detail}
        case Snapshot():
            return typed("bars.snapshot", topic=told.name, bars=[_news(bar) for bar in message.bars])
        case Subscribed():
            instrument = message.topic.instrument
            return typed(
                "bars.subscribed",
                topic=told.name,
                market=instrument.market,
                exchange=instrument.exchange,
                symbol=instrument.symbol,
                timeframe=message.topic.timeframe.text,
            )
        case Unsubscribed():
            return typed("bars.unsubscribed", topic=told.name)
        case Resync():
            return typed("bars.resync", topic=told.name)
        case Hello():
            raise TypeError("this dialect does not greet")


def _news(bar: Bar) -> dict[str, object]:
    names = ("open", "high", "low", "close", "volume")
    values = dict(zip(names, bar.values, strict=True))
    return {
        "bar": {"time": bar.open_time_ms, **values},
        "closed": bar.final,
        "state": bar.state.value,
        "revision": bar.revision,
    }


TOPICS = Dialect(parse, encode)
