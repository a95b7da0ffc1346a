"""Who holds a live connection, from the handshake on or from its first message, and until when."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from utils.accounts import Principal
from utils.errors import Conflict

SESSION_OVER = "Your session is over, or your role has changed. Sign in, then connect again."

OnEnd = Callable[[], None]


@dataclass(slots=True)
class LiveIdentity:
    """Hold the principal of one connection, None while nobody has signed in.

    ``authenticate`` turns an access token into a principal, or raises AppError. ``hold`` counts and watches
    whoever signs in for as long as its block lasts, and calls back when the session is over.
    """

    principal: Principal | None
    authenticate: Callable[[str], Awaitable[Principal]]
    hold: Callable[[Principal, OnEnd], AbstractContextManager[None]]
    # None for the many who never sign in: an empty one takes a kilobyte.
    _stack: ExitStack | None = None

    def begin(self, on_end: OnEnd) -> None:
        """Watch over whoever was known from the handshake on."""
        if self.principal is not None:
            self._keep(self.principal, on_end)

    async def sign_in(self, token: str, on_end: OnEnd) -> Principal:
        """Make the holder of an access token the one of this connection.

        Raises: Unauthorized; Conflict when somebody is signed in; TooManyRequests when the user holds too
        many.
        """
        if self.principal is not None:
            raise Conflict(
                "This connection is signed in already. Open another one to be somebody else.",
                code="signed_in_already",
            )
        principal = await self.authenticate(token)
        self._keep(principal, on_end)
        self.principal = principal
        return principal

    def end(self) -> None:
        """Let go of whoever was signed in."""
        if self._stack is not None:
            self._stack.close()

    def _keep(self, principal: Principal, on_end: OnEnd) -> None:
        stack = ExitStack()
        stack.enter_context(self.hold(principal, on_end))
        self._stack = stack
