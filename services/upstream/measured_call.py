"""One question to an exchange, measured: how long its answer took, or why it was not put."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from utils import figures
from utils.errors import (
    AppError,
    UpstreamBusy,
    UpstreamDown,
    UpstreamGarbage,
    UpstreamLimited,
    UpstreamTimeout,
)

Result = TypeVar("Result")


class MeasuredCall:
    """Measure one question, from when it is put; the wait for its turn is not the exchange's."""

    def __init__(self, exchange: str, steady_s: Callable[[], float]) -> None:
        self._exchange = exchange
        self._steady_s = steady_s
        self._put_s: float | None = None

    async def put(self, question: Callable[[], Awaitable[Result]]) -> Result:
        """Put it: from here on the exchange is waited for."""
        self._put_s = self._steady_s()
        return await question()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Note how it ends."""
        try:
            yield
        except AppError as error:
            self._note(_outcome_of(error), error)
            raise
        except asyncio.CancelledError:
            self._note("given_up", None)
            raise
        self._note("answered", None)

    def _note(self, outcome: str, error: AppError | None) -> None:
        # Whoever counts calls for us may find that there are none left when it was about to be put.
        if self._put_s is not None and not isinstance(error, UpstreamBusy):
            figures.EXCHANGE_REQUESTS.note(self._steady_s() - self._put_s, self._exchange, outcome)
        elif error is not None:
            figures.EXCHANGE_NOT_ASKED.add(1, self._exchange, _reason_of(error))


def _outcome_of(error: AppError) -> str:
    outcomes = {
        UpstreamLimited: "limited",
        UpstreamDown: "down",
        UpstreamGarbage: "garbage",
        UpstreamTimeout: "timeout",
    }
    # A wrong symbol is refused: that is an answer too.
    return next((outcome for kind, outcome in outcomes.items() if isinstance(error, kind)), "refused")


def _reason_of(error: AppError) -> str:
    if isinstance(error, UpstreamLimited) and not isinstance(error, UpstreamBusy):
        return "limited"
    return "silent" if isinstance(error, UpstreamDown) else "busy"
