"""The WebSocket dialect of price tickers: the newest price by symbol, with the day's change; pure.

The price is the close of the bar of the day, which begins at 00:00 UTC; the change counts from its open.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal

import orjson
from pydantic import Field, TypeAdapter

from blueprints.formats.ws_frame import (
    NEWS_ENCODED,
    AuthenticateCommand,
    AuthenticatedMessage,
    HeartbeatMessage,
    PingCommand,
    PongMessage,
    ServerShutdownMessage,
    WireCommand,
    WireMessage,
    common,
    read_command,
    status_fields,
    typed,
)
from services.announcing.messages import Announce, AnnouncementsDue, Preferred
from services.live.dialect import Authenticate, Command, Dialect, Ping, Subscribe, Told, Unsubscribe, Wanted
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

SYMBOLS_MAX = 50
TIMEFRAME = "1d"
PERCENT_PLACES = 4

Symbol = Annotated[str, Field(min_length=1, max_length=64)]


class SymbolsSubscribedMessage(WireMessage):
    """Confirms a symbol; its newest price follows."""

    type: Literal["subscribed"]
    symbols: list[str]
    market: str
    exchange: str


class SymbolsUnsubscribedMessage(WireMessage):
    """Confirms that a symbol has ended."""

    type: Literal["unsubscribed"]
    symbols: list[str]


class PriceUpdateMessage(WireMessage):
    """Gives the newest price; ``timestamp`` is UTC milliseconds, change and volume are since 00:00 UTC."""

    type: Literal["price_update"]
    symbol: str
    price: float
    change: float
    change_percent: float
    timestamp: int
    volume: float


class SymbolStatusMessage(WireMessage):
    """Says how a symbol's feed is."""

    type: Literal["status"]
    symbol: str
    state: Literal["live", "delayed", "stale", "offline"]
    since_ms: int
    text: str


class SymbolErrorMessage(WireMessage):
    """Says that a command could not be done; ``symbol`` is the one that it failed for."""

    type: Literal["error"]
    id: str | None
    symbol: str | None
    code: str
    detail: str


OUTGOING: TypeAdapter[object] = TypeAdapter(
    Annotated[
        SymbolsSubscribedMessage
        | SymbolsUnsubscribedMessage
        | PriceUpdateMessage
        | SymbolStatusMessage
        | HeartbeatMessage
        | PongMessage
        | AuthenticatedMessage
        | SymbolErrorMessage
        | ServerShutdownMessage,
        Field(discriminator="type"),
    ]
)


class SymbolsCommand(WireCommand):
    """Begins or ends symbols."""

    type: Literal["subscribe", "unsubscribe"]
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=SYMBOLS_MAX)]


COMMANDS: TypeAdapter[SymbolsCommand | PingCommand | AuthenticateCommand] = TypeAdapter(
    Annotated[SymbolsCommand | PingCommand | AuthenticateCommand, Field(discriminator="type")]
)


def parse(text: str) -> Command:
    """Read one command. Raises: MalformedRequest with a sentence."""
    command = read_command(COMMANDS, text, "subscribe, unsubscribe, authenticate or ping")
    if isinstance(command, PingCommand):
        return Ping(command.id)
    if isinstance(command, AuthenticateCommand):
        return Authenticate(command.token, command.id)
    symbols = tuple(dict.fromkeys(command.symbols))
    if command.type == "unsubscribe":
        return Unsubscribe(symbols, command.id)
    return Subscribe(
        tuple(Wanted(symbol, timeframe=TIMEFRAME, name=symbol) for symbol in symbols), command.id
    )


def encode(message: Message, told: Told) -> bytes | None:
    """Return a message; None for greetings, positions, and bars of a day that is over."""
    if isinstance(message, Update):
        entry = message.entry
        if not isinstance(entry.event, Bar):
            return orjson.dumps(typed("status", symbol=told.name, **status_fields(entry.event)))
        if entry.event.open_time_ms < told.newest_open_ms:
            # A correction of an earlier day is no price of now.
            return None
        return _encode_price(entry.event, told.name, int(entry.position.offset.partition("-")[0]))
    if isinstance(message, Snapshot):
        return _encode_price(message.bars[-1], told.name, told.now_ms) if message.bars else None
    if isinstance(message, Announce | Preferred | AnnouncementsDue):
        # Only the native dialect announces.
        return None
    shape = _shape(message, told)
    return None if shape is None else orjson.dumps(shape)


@lru_cache(maxsize=NEWS_ENCODED)
def _encode_price(day: Bar, name: str, time_ms: int) -> bytes:
    # Exact, so that nobody hears of a change of 84.00999999999476.
    opened, price = Decimal(repr(day.open)), Decimal(repr(day.close))
    change = price - opened
    percent = round(change / opened * 100, PERCENT_PLACES)
    return orjson.dumps(
        typed(
            "price_update",
            symbol=name,
            price=day.close,
            change=float(change),
            change_percent=float(percent),
            timestamp=time_ms,
            volume=day.volume,
        )
    )


def _shape(message: Answer, told: Told) -> dict[str, object] | None:
    match message:
        case Pong() | Authenticated() | Heartbeat() | Shutdown():
            return common(message, told.now_ms)
        case Failure():
            where = typed("error", id=message.command_id, symbol=message.name)
            return where | {"code": message.code, "detail": message.detail}
        case Subscribed():
            instrument = message.topic.instrument
            venue = {"market": instrument.market, "exchange": instrument.exchange}
            return typed("subscribed", symbols=[told.name], **venue)
        case Unsubscribed():
            return typed("unsubscribed", symbols=[told.name])
        case Hello() | Resync() | Snapshot():
            # A snapshot is told as a price; after a resync it is all that a ticker needs.
            return None


PRICES = Dialect(parse, encode)
