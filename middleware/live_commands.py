"""What clients ask for over a live connection: each command is done, or answered by an error."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from middleware.failures import DATABASE_AWAY, problem_of
from middleware.live_identity import SESSION_OVER, LiveIdentity
from services.live.dialect import Authenticate, Ping, Prefer, Subscribe, Unsubscribe, Wanted
from services.live.limits import LiveLimits
from services.live.log import Position
from services.live.messages import Authenticated, Failure, Goodbye, Pong
from services.live.session import LiveSession
from utils.domain import Topic
from utils.errors import AppError, Conflict, NotFound, TooManyRequests, Unauthorized, Unavailable, shorten
from utils.tasks import heed_cancellation
from utils.waiting import somebody_waits

CLOSE_UNAUTHORIZED = 3000
NOT_SIGNED_IN = "The access token is not valid. Sign in, then connect again."

log = logging.getLogger(__name__)


@dataclass(slots=True)
class LiveCommands:
    """Do what a client asks for; ``find`` turns what it wants into a topic, or raises AppError."""

    session: LiveSession
    limits: LiveLimits
    find: Callable[[Wanted], Awaitable[Topic]]
    identity: LiveIdentity
    # Whether the client asked for a topic that we could not give.
    unavailable: bool = False
    # How many names stood for nothing.
    _in_vain: int = 0

    @property
    def topics_max(self) -> int:
        """Return how many topics the connection may hold at this moment."""
        if self.identity.principal is not None:
            return self.session.topics_max
        return min(self.session.topics_max, self.limits.anonymous_topics_max)

    async def authenticate(self, command: Authenticate) -> Goodbye | None:
        """Sign in who sent the token; return the end of the connection where it is not good."""
        with somebody_waits():
            return await self._sign_in(command)

    async def _sign_in(self, command: Authenticate) -> Goodbye | None:
        try:
            principal = await self.identity.sign_in(command.token, self.end_session)
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

    def end_session(self) -> None:
        """End the connection, for the session of whoever holds it is over."""
        self.session.mailbox.put(Goodbye(CLOSE_UNAUTHORIZED, SESSION_OVER))

    def refuse(self) -> None:
        """Say that a command came too fast and was not done."""
        most = f"{self.limits.commands_per_s:g} commands a second"
        detail = f"Too many commands: this one was not done. Send at most {most}."
        error = TooManyRequests(detail, code="too_many_commands")
        self.session.mailbox.put(Failure(error.error_code, error.detail))

    async def obey(self, command: Unsubscribe | Ping | Prefer) -> None:
        """Do a command that neither signs in nor subscribes."""
        match command:
            case Ping():
                self.session.mailbox.put(Pong(command.command_id))
            case Unsubscribe():
                for name in command.names:
                    await self._answer_failure(command.command_id, name, self._unsubscribe(name))
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

    async def begin(self, topics: Sequence[Topic], since: Position | None) -> None:
        """Subscribe what the address of the connection names."""
        for topic in topics:
            await self._answer_failure(None, None, self.session.subscribe(topic, since))

    async def subscribe(self, command: Subscribe) -> None:
        """Subscribe each topic of a command by itself."""
        for wanted in command.wanted:
            await self._answer_failure(command.command_id, wanted.name, self._subscribe(wanted))
            # A name that is not known takes longer than any other, and nothing is waited for.
            await asyncio.sleep(0)

    async def _subscribe(self, wanted: Wanted) -> None:
        topic = await self.find(wanted)
        if self.identity.principal is None and len(self.session.topics) >= self.topics_max:
            raise Conflict(
                f"Without signing in a connection may hold {self.topics_max} topics. Unsubscribe one first.",
                code="too_many_topics",
            )
        await self.session.subscribe(topic, wanted.since, wanted.name)

    async def _unsubscribe(self, name: str) -> None:
        self.session.unsubscribe(name)

    def take_in_vain(self) -> int:
        """Return how many names stood for nothing since this was asked last."""
        in_vain, self._in_vain = self._in_vain, 0
        return in_vain

    async def _answer_failure(self, command_id: str | None, name: str | None, work: Awaitable[None]) -> None:
        try:
            # A subscription that swallowed its cancellation would leave the connection open for ever.
            await heed_cancellation(work)
        except AppError as error:
            self.unavailable = self.unavailable or isinstance(error, Unavailable)
            self._in_vain += isinstance(error, NotFound)
            self.session.mailbox.put(Failure(error.error_code, error.detail, command_id, name))
