"""Live bars by WebSocket, in the native dialect: one reader, one writer, one mailbox a connection."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from quart import Blueprint, websocket

from blueprints.formats.ws_native import (
    Command,
    PingCommand,
    SubscribeCommand,
    UnsubscribeCommand,
    encode_hello,
    encode_message,
    encode_update,
    parse_command,
    parse_since,
)
from middleware.auth_middleware import public
from middleware.client_address import address_group, client_address
from middleware.context import services
from middleware.rate_limit import limit
from middleware.validation import RequestModel, query
from services.live.log import Position
from services.live.mailbox import MailboxOverflow
from services.live.messages import Failure, Heartbeat, Message, Pong, Resync, Shutdown, Snapshot, Update
from services.live.session import LiveSession
from utils.domain import Timeframe, Topic
from utils.errors import AppError, FieldError, InvalidRequest, MalformedRequest
from utils.field_types import CommaSeparated, Name
from utils.tasks import heed_cancellation

blueprint = Blueprint("websocket", __name__, url_prefix="/ws")

HEARTBEAT_S = 15.0
WRITE_TIMEOUT_S = 5.0
# With batch=true everything pending goes out in one frame, this often at most.
BATCH_S = 0.1
SYMBOLS_MAX = 50
MISTAKES_MAX = 5
CLOSE_UNSUPPORTED, CLOSE_POLICY, CLOSE_BUG, CLOSE_RESTART, CLOSE_SLOW = 1003, 1008, 1011, 1012, 4008

log = logging.getLogger(__name__)


class LiveQuery(RequestModel):
    """Name what a connection begins with; more follows by commands."""

    symbols: CommaSeparated
    market: Name | None = None
    exchange: Name | None = None
    timeframe: Name = "1m"
    since: Annotated[str, Field(max_length=64)] | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True)
class _Close(Exception):
    code: int
    reason: str


@blueprint.websocket("/subscribe")
@public
@limit("default")
@query(LiveQuery)
async def ws_subscribe(query: LiveQuery) -> None:
    """Stream the bars of some symbols as they form, close and are corrected."""
    address = address_group(client_address())
    services().live.check_room(address)
    topics = await _find_topics(query, query.symbols)
    since = _read_since(query, topics)
    with services().live.session(address) as session:
        await websocket.accept()
        hello = encode_hello(
            session.connection_id, services().clock.now_ms(), int(HEARTBEAT_S * 1000), session.topics_max
        )
        await websocket.send(hello.decode())
        await _converse(session, query, topics, since)


async def _converse(
    session: LiveSession, defaults: LiveQuery, topics: tuple[Topic, ...], since: Position | None
) -> None:
    close = _Close(CLOSE_BUG, "Something went wrong here. Connect again.")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_write(session, batch=defaults.batch))
            for topic in topics:
                await _answer_failure(session, None, session.subscribe(topic, since))
            await _read(session, defaults)
    except* _Close as closes:
        first = closes.exceptions[0]
        assert isinstance(first, _Close)
        close = first
    except* Exception:
        log.exception("live connection failed")
    await websocket.close(close.code, close.reason)


async def _read(session: LiveSession, defaults: LiveQuery) -> None:
    mistakes = 0
    while True:
        text = await websocket.receive()
        if not isinstance(text, str):
            raise _Close(CLOSE_UNSUPPORTED, "Commands are text in JSON.")
        try:
            command = parse_command(text)
        except MalformedRequest as error:
            session.mailbox.put(Failure(error.error_code, error.detail))
            mistakes += 1
            if mistakes > MISTAKES_MAX:
                raise _Close(CLOSE_POLICY, "Too many commands that could not be read.") from error
            continue
        await _answer_failure(session, command.id, _obey(session, defaults, command))


async def _obey(session: LiveSession, defaults: LiveQuery, command: Command) -> None:
    match command:
        case PingCommand():
            session.mailbox.put(Pong(command.id))
        case UnsubscribeCommand():
            session.unsubscribe(command.topic)
        case SubscribeCommand():
            given = command.model_dump(include={"market", "exchange", "timeframe"}, exclude_none=True)
            (topic,) = await _find_topics(defaults.model_copy(update=given), (command.symbol,))
            await session.subscribe(topic, command.since.position() if command.since else None)


async def _answer_failure(session: LiveSession, command_id: str | None, work: Awaitable[None]) -> None:
    try:
        # A subscription that swallowed its cancellation would leave the connection open for ever.
        await heed_cancellation(work)
    except AppError as error:
        session.mailbox.put(Failure(error.error_code, error.detail, command_id))


async def _write(session: LiveSession, *, batch: bool) -> None:
    sequences: dict[Topic, int] = {}
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                messages = await session.mailbox.take()
        except TimeoutError:
            messages = [Heartbeat()]
        except MailboxOverflow as error:
            raise _Close(CLOSE_SLOW, "You read too slowly. Connect again and resume.") from error
        frames = [frame for message in messages for frame in await _frames(session, message, sequences)]
        if batch:
            await _send(b"[" + b",".join(frames) + b"]")
        else:
            for frame in frames:
                await _send(frame)
        if any(isinstance(message, Shutdown) for message in messages):
            raise _Close(CLOSE_RESTART, "The server restarts. Connect again in a few seconds.")
        if batch:
            await asyncio.sleep(BATCH_S)


async def _frames(session: LiveSession, message: Message, sequences: dict[Topic, int]) -> list[bytes]:
    now_ms = services().clock.now_ms()
    if isinstance(message, Update):
        topic = message.entry.topic
        sequences[topic] = sequences.get(topic, 0) + 1
        return [encode_update(message.entry, sequences[topic])]
    if isinstance(message, Resync):
        sequences.pop(message.topic, None)
        snapshot: Snapshot = await session.resynced(message)
        return [encode_message(message, now_ms), encode_message(snapshot, now_ms)]
    if isinstance(message, Snapshot):
        sequences.pop(message.topic, None)
    return [encode_message(message, now_ms)]


async def _send(frame: bytes) -> None:
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await websocket.send(frame.decode())
    except TimeoutError as error:
        raise _Close(CLOSE_SLOW, "You read too slowly. Connect again and resume.") from error


async def _find_topics(query: LiveQuery, symbols: tuple[str, ...]) -> tuple[Topic, ...]:
    if len(symbols) > SYMBOLS_MAX:
        raise _invalid("symbols", f"symbols may name at most {SYMBOLS_MAX}: send the others as commands.")
    try:
        timeframe = Timeframe.parse(query.timeframe)
    except ValueError as error:
        raise _invalid("timeframe", "timeframe must be a timeframe: like 1m, 1h or 1d.") from error
    market, exchange = await services().catalog.default_venue(query.market, query.exchange)
    return await services().live.find_topics(market, exchange, symbols, timeframe)


def _read_since(query: LiveQuery, topics: tuple[Topic, ...]) -> Position | None:
    if query.since is None:
        return None
    position = parse_since(query.since)
    if position is None:
        raise _invalid("since", "since must be EPOCH,OFFSET as the last message gave them.")
    if len(topics) != 1:
        raise _invalid("since", "since belongs to one symbol: resume several by commands.")
    return position


def _invalid(field: str, detail: str) -> InvalidRequest:
    return InvalidRequest(detail, errors=(FieldError(field, "invalid", detail),))
