"""One live connection, whatever dialect it speaks: one reader, one writer, one mailbox, one end.

Every way to end is a close code with a sentence. A client that breaks off is a cancellation, as Quart has it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from quart import websocket

from middleware.live_commands import LiveCommands
from middleware.live_frames import frame_sender, now_sender, text_frames
from middleware.live_identity import LiveIdentity
from middleware.live_telling import Telling
from middleware.request_log import name_connection
from services.live.credits import Credits, Verdict
from services.live.dialect import Authenticate, Command, Dialect, Subscribe, Wanted
from services.live.limits import LiveLimits
from services.live.log import Position
from services.live.mailbox import MailboxOverflow
from services.live.messages import SHUTDOWN_TEXT, Failure, Goodbye, Hello, Message, Shutdown
from services.live.session import LiveSession
from utils import figures
from utils.clock import Clock
from utils.domain import Topic
from utils.errors import MalformedRequest

CLOSE_UNSUPPORTED, CLOSE_POLICY, CLOSE_BUG, CLOSE_RESTART = 1003, 1008, 1011, 1012
CLOSE_AGAIN = 1013
CLOSE_IDLE, CLOSE_SLOW, CLOSE_RATE = 3008, 4008, 4009
# As many messages as one write carries at most, so that its deadline is not one for a whole replay.
FRAMES_AT_ONCE = 128
# For a client that left without a word.
GONE = "gone"
UNAVAILABLE_TEXT = "Live prices cannot be had at the moment. Connect again in a few seconds."
TOO_SLOW = "You read too slowly. Connect again and resume."
NO_TOPIC = "You subscribed to nothing in time. Connect again."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Close(Exception):
    code: int
    reason: str


def _without_history(closes: BaseExceptionGroup[_Close]) -> _Close:
    # A traceback that is kept keeps the frames it goes through, and they keep it.
    first = closes.exceptions[0]
    assert isinstance(first, _Close)
    return _Close(first.code, first.reason)


@dataclass(slots=True)
class LiveConnection:
    """Serve one accepted WebSocket; ``find`` turns what a client wants into a topic, or raises AppError."""

    session: LiveSession
    dialect: Dialect
    limits: LiveLimits
    clock: Clock
    find: Callable[[Wanted], Awaitable[Topic]]
    identity: LiveIdentity
    batch: bool = False
    _commands: LiveCommands = field(init=False)
    _telling: Telling = field(init=False)
    # Whether the time for a first topic is over, and whether one is being subscribed.
    _out_of_time: bool = False
    _subscribing: bool = False

    def __post_init__(self) -> None:
        self._commands = LiveCommands(self.session, self.limits, self.find, self.identity)
        self._telling = Telling(self.session, self.dialect.encode, self.clock)

    async def run(self, topics: Sequence[Topic] = (), since: Position | None = None) -> None:
        """Begin with these topics and serve until the client leaves or a code closes the connection."""
        ended = GONE
        try:
            close = await self._serve(topics, since)
            ended = str(close.code)
        except asyncio.CancelledError as error:
            # A TaskGroup that is cancelled holds itself by the traceback, and with it all that the connection
            # had, until the collector comes.
            raise error.with_traceback(None) from None
        finally:
            self.session.mailbox.straight = None
            figures.CLOSED.add(1, ended)
        await websocket.close(close.code, close.reason)

    async def _serve(self, topics: Sequence[Topic], since: Position | None) -> _Close:
        reference = self.session.connection_id
        name_connection(reference)
        close = _Close(CLOSE_BUG, f"Something went wrong here. Connect again. The reference is {reference}.")
        self.identity.begin(self._commands.end_session)
        try:
            await self._greet()
            send_now = None if self.batch else now_sender(websocket.scope)
            if send_now is not None:
                self.session.mailbox.straight = partial(self._telling.tell_straight, send_now)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                group.create_task(self._await_topic())
                await self._under_way(self._commands.begin(topics, since))
                self.session.mailbox.put(await self._read())
        except* _Close as closes:
            close = _without_history(closes)
        except* Exception:
            log.exception("live connection failed", extra={"reference": reference})
        finally:
            self.identity.end()
        return close

    async def _greet(self) -> None:
        heartbeat_ms = int(self.limits.heartbeat_s * 1_000)
        hello = Hello(self.session.connection_id, heartbeat_ms, self._commands.topics_max)
        await self._send_all(await self._telling.texts([hello]))

    async def _await_topic(self) -> None:
        await asyncio.wait([self.session.subscribed], timeout=self.limits.first_topic_s)
        self._out_of_time = True
        self._end_without_topic()

    def _end_without_topic(self) -> None:
        # What the service still works on is none of the client's silence, and its parts have deadlines.
        if self._out_of_time and not self._subscribing and not self.session.subscribed.done():
            away = self._commands.unavailable
            code, text = (CLOSE_AGAIN, UNAVAILABLE_TEXT) if away else (CLOSE_IDLE, NO_TOPIC)
            self.session.mailbox.put(Goodbye(code, text))

    async def _under_way(self, subscribing: Awaitable[None]) -> None:
        self._subscribing = True
        try:
            await subscribing
        finally:
            self._subscribing = False
        self._end_without_topic()

    async def _read(self) -> Goodbye:
        mistakes = 0
        credits_ = Credits(self.limits, self.clock.steady_s())
        while True:
            # Who sends without a pause must keep neither the writer nor others from their turn.
            await asyncio.sleep(0)
            text = await websocket.receive()
            if not isinstance(text, str):
                return Goodbye(CLOSE_UNSUPPORTED, "Commands are text in JSON.")
            verdict = credits_.spend(self.clock.steady_s())
            if verdict is Verdict.CLOSE:
                return Goodbye(CLOSE_RATE, "Too many commands. Send fewer, then connect again.")
            if verdict is Verdict.REFUSE:
                self._commands.refuse()
                continue
            try:
                command = self.dialect.parse(text)
            except MalformedRequest as error:
                self.session.mailbox.put(Failure(error.error_code, error.detail))
                mistakes += 1
                if mistakes > self.limits.mistakes_max:
                    return Goodbye(CLOSE_POLICY, "Too many commands that could not be read.")
                continue
            farewell = await self._do(command)
            if farewell is not None:
                return farewell
            credits_.charge(self._commands.take_in_vain())

    async def _do(self, command: Command) -> Goodbye | None:
        match command:
            case Authenticate():
                return await self._commands.authenticate(command)
            case Subscribe():
                await self._under_way(self._commands.subscribe(command))
            case _:
                await self._commands.obey(command)
        return None

    async def _write(self) -> None:
        while True:
            messages = await self._due()
            await self._send_all(await self._telling.texts(messages))
            for message in messages:
                if isinstance(message, Goodbye):
                    raise _Close(message.code, message.reason)
                if isinstance(message, Shutdown):
                    raise _Close(CLOSE_RESTART, SHUTDOWN_TEXT)
            if self.batch:
                await self.session.mailbox.rest(self.limits.batch_s)

    async def _due(self) -> Sequence[Message | Goodbye]:
        try:
            return await self.session.mailbox.take()
        except MailboxOverflow as error:
            raise _Close(CLOSE_SLOW, TOO_SLOW) from error

    async def _send_all(self, texts: Sequence[bytes]) -> None:
        if self.batch and texts:
            texts = [b"[" + b",".join(texts) + b"]"]
        send_frames = frame_sender(websocket.scope)
        if send_frames is None:
            for text in texts:
                await self._in_time(websocket.send(text.decode()))
            return
        for start in range(0, len(texts), FRAMES_AT_ONCE):
            await self._in_time(send_frames(text_frames(texts[start : start + FRAMES_AT_ONCE])))

    async def _in_time(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self.limits.write_timeout_s):
                await sending
        except TimeoutError as error:
            raise _Close(CLOSE_SLOW, TOO_SLOW) from error
