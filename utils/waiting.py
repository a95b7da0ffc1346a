"""Who waits: somebody who has sent a request waits less long for the database than work of our own.

A variable of the context, so that nothing between the outermost ring and the pool has to pass it on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class WaitingRequest:
    """A request, or the handshake of a WebSocket, that has no answer yet.

    ``in_vain`` once it has waited as long as it may and got nothing.
    """

    in_vain: bool = False
    answered: bool = False


_waiting: ContextVar[WaitingRequest | None] = ContextVar("waiting_request", default=None)


@contextmanager
def somebody_waits() -> Iterator[WaitingRequest]:
    """Let what is asked inside be asked for a request."""
    request = WaitingRequest()
    token = _waiting.set(request)
    try:
        yield request
    finally:
        # Work that it has begun and left behind has time again.
        request.answered = True
        _waiting.reset(token)


def waiting_request() -> WaitingRequest | None:
    """Return the request that waits for what goes on here; None for work of our own."""
    request = _waiting.get()
    return None if request is None or request.answered else request
