"""One live connection, whatever dialect it speaks: one reader, one writer, one mailbox, one end.

Every way to end is a close code with a sentence. A client that breaks off is a cancellation, as Quart has it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from quart import websocket

from middleware.failures import DATABASE_AWAY, problem_of
from middleware.live_frames import frame_sender, now_sender, text_frames
from middleware.live_identity import SESSION_OVER, LiveIdentity
from middleware.live_telling import Telling
from middleware.request_log import name_connection
from services.live.credits import Credits, Verdict
from services.live.dialect import Authenticate, Dialect, Ping, Prefer, Subscribe, Unsubscribe, Wanted
from services.live.limits import LiveLimits
from services.live.log import Position
from services.live.mailbox import MailboxOverflow
from services.live.messages import (
    SHUTDOWN_TEXT,
    Authenticated,
    Failure,
    Goodbye,
    Hello,
    Message,
    Pong,
    Shutdown,
)
from services.live.session import LiveSession
from utils import figures
from utils.accounts import Principal
from utils.clock import Clock
from utils.domain import Topic
from utils.errors import (
    AppError,
    Conflict,
    MalformedRequest,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    shorten,
)
from utils.tasks import heed_cancellation
from utils.waiting import somebody_waits

CLOSE_UNSUPPORTED, CLOSE_POLICY, CLOSE_BUG, CLOSE_RESTART = 1003, 1008, 1011, 1012
CLOSE_AGAIN = 1013
CLOSE_UNAUTHORIZED, CLOSE_IDLE, CLOSE_SLOW, CLOSE_RATE = 3000, 3008, 4008, 4009
# As many messages as one write carries at most, so that its deadline is not one for a whole replay.
FRAMES_AT_ONCE = 128
# For a client that left without a word.
GONE = "gone"
NOT_SIGNED_IN = "The access token is not valid. Sign in, then connect again."
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
    _telling: Telling = field(init=False)
    # Whether the client asked for a topic that we could not give.
    _unavailable: bool = False
    # Whether the time for a first topic is over, and whether one is being subscribed.
    _out_of_time: bool = False
    _subscribing: bool = False
    # How many names of one command stand for nothing.
    _in_vain: int = 0

    def __post_init__(self) -> None:
        self._telling = Telling(self.session, self.dialect.encode, self.clock)

    @property
    def principal(self) -> Principal | None:
        """Return who holds the connection at this moment."""
        return self.identity.principal

    @property
    def topics_max(self) -> int:
        """Return how many topics the connection may hold at this moment."""
        if self.principal is not None:
            return self.session.topics_max
        return min(self.session.topics_max, self.limits.anonymous_topics_max)

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
        self.identity.begin(self._end_session)
        try:
            await self._greet()
            send_now = None if self.batch else now_sender(websocket.scope)
            if send_now is not None:
                self.session.mailbox.straight = partial(self._telling.tell_straight, send_now)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                group.create_task(self._await_topic())
                await self._under_way(self._begin_topics(topics, since))
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
        hello = Hello(self.session.connection_id, heartbeat_ms, self.topics_max)
        await self._send_all(await self._telling.texts([hello]))

    async def _await_topic(self) -> None:
        await asyncio.wait([self.session.subscribed], timeout=self.limits.first_topic_s)
        self._out_of_time = True
        self._end_without_topic()

    def _end_without_topic(self) -> None:
        # What the service still works on is none of the client's silence, and its parts have deadlines.
        if self._out_of_time and not self._subscribing and not self.session.subscribed.done():
            away = self._unavailable
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
                self._refuse()
                continue
            try:
                command = self.dialect.parse(text)
            except MalformedRequest as error:
                self.session.mailbox.put(Failure(error.error_code, error.detail))
                mistakes += 1
                if mistakes > self.limits.mistakes_max:
                    return Goodbye(CLOSE_POLICY, "Too many commands that could not be read.")
                continue
            if isinstance(command, Authenticate):
                with somebody_waits():
                    farewell = await self._authenticate(command)
                if farewell is not None:
                    return farewell
            else:
                await self._obey(command)
                credits_.charge(self._in_vain)
                self._in_vain = 0

    async def _authenticate(self, command: Authenticate) -> Goodbye | None:
        try:
            principal = await self.identity.sign_in(command.token, self._end_session)
        except AppError as error:
            self.session.mailbox.put(Failure(error.error_code, error.detail, command.command_id))
            # Nobody may believe to be signed in who is not.
            return Goodbye(CLOSE_UNAUTHORIZED, NOT_SIGNED_IN) if isinstance(error, Unauthorized) else None
        except (*DATABASE_AWAY, OSError) as error:
            problem = problem_of(error)
            log.warning(
                "nobody could sign in", extra={"code": problem.code, "cause": shorten(str(error), 200)}
            )
            self.session.mailbox.put(Failure(problem.code, problem.detail, command.command_id))
            return None
        if self.session.earphone is not None:
            await self.session.earphone.sign_in(principal)
        confirmation = Authenticated(principal.username, self.topics_max, command.command_id)
        self.session.mailbox.put(confirmation)
        return None

    def _end_session(self) -> None:
        self.session.mailbox.put(Goodbye(CLOSE_UNAUTHORIZED, SESSION_OVER))

    def _refuse(self) -> None:
        most = f"{self.limits.commands_per_s:g} commands a second"
        detail = f"Too many commands: this one was not done. Send at most {most}."
        error = TooManyRequests(detail, code="too_many_commands")
        self.session.mailbox.put(Failure(error.error_code, error.detail))

    async def _obey(self, command: Subscribe | Unsubscribe | Ping | Prefer) -> None:
        match command:
            case Ping():
                self.session.mailbox.put(Pong(command.command_id))
            case Unsubscribe():
                for name in command.names:
                    await self._answer_failure(command.command_id, name, self._unsubscribe(name))
            case Subscribe():
                await self._under_way(self._subscribe_all(command))
            case Prefer():
                await self._answer_failure(command.command_id, None, self._prefer(command))

    async def _prefer(self, command: Prefer) -> None:
        earphone = self.session.earphone
        # A dialect that has this command comes with an earphone.
        assert earphone is not None
        await earphone.prefer(
            command.change,
            since_sequence=command.since_sequence,
            away_since_ms=command.away_since_ms,
            command_id=command.command_id,
        )

    async def _begin_topics(self, topics: Sequence[Topic], since: Position | None) -> None:
        for topic in topics:
            await self._answer_failure(None, None, self.session.subscribe(topic, since))

    async def _subscribe_all(self, command: Subscribe) -> None:
        for wanted in command.wanted:
            await self._answer_failure(command.command_id, wanted.name, self._subscribe(wanted))
            # A name that is not known takes longer than any other, and nothing is waited for.
            await asyncio.sleep(0)

    async def _subscribe(self, wanted: Wanted) -> None:
        topic = await self.find(wanted)
        if self.principal is None and len(self.session.topics) >= self.topics_max:
            raise Conflict(
                f"Without signing in a connection may hold {self.topics_max} topics. Unsubscribe one first.",
                code="too_many_topics",
            )
        await self.session.subscribe(topic, wanted.since, wanted.name)

    async def _unsubscribe(self, name: str) -> None:
        self.session.unsubscribe(name)

    async def _answer_failure(self, command_id: str | None, name: str | None, work: Awaitable[None]) -> None:
        try:
            # A subscription that swallowed its cancellation would leave the connection open for ever.
            await heed_cancellation(work)
        except AppError as error:
            self._unavailable = self._unavailable or isinstance(error, Unavailable)
            self._in_vain += isinstance(error, NotFound)
            self.session.mailbox.put(Failure(error.error_code, error.detail, command_id, name))

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
