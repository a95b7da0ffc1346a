"""A breaker: an exchange that does not answer is left alone for a while, then asked by one."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.upstream.refusals import SOON_S, given_up
from utils.errors import AppError, UpstreamDown, UpstreamLimited, UpstreamTimeout

FAILURES_MAX = 5
# A failure counts with the one before it when no more than this lies between them.
FAILURES_WITHIN_S = 10.0
OPEN_MIN_S, OPEN_MAX_S = 5.0, 60.0

log = logging.getLogger(__name__)


class Breaker:
    """Let questions through while they are answered; after five in a row that were not, let none through.

    Closed: everybody asks. Open: nobody asks, for 5 seconds. Then one asks: an answer closes the breaker, a
    failure opens it for twice as long, up to a minute. Silence and unreachability are failures; a wrong
    answer or a refusal is an answer.
    """

    def __init__(self, exchange: str, *, left_s: float, steady_s: Callable[[], float]) -> None:
        self._exchange = exchange
        self._left_s = left_s
        self._steady_s = steady_s
        self._failures = 0
        self._failed_s = float("-inf")
        # How long it was opened for, 0 when it is closed.
        self._open_for_s = 0.0
        self._open_until_s = 0.0
        self._probing = False

    @property
    def closed(self) -> bool:
        """Tell whether everybody may ask."""
        return not self._open_for_s

    @property
    def left_s(self) -> float:
        """Return how long nobody may ask."""
        return 0.0 if self.closed else max(self._open_until_s - self._steady_s(), 0.0)

    def check(self) -> None:
        """Raise UpstreamDown with the time to wait when nobody may ask now."""
        if self.closed:
            return
        left_s = self._open_until_s - self._steady_s()
        if left_s > 0 or self._probing:
            raise given_up(self._exchange, max(left_s, SOON_S))

    @contextmanager
    def call(self) -> Iterator[None]:
        """Put a question, and learn from how it ends. Raises: as ``check``."""
        self.check()
        probing = self._probing = not self.closed
        began_s = self._steady_s()
        answered: bool | None = None
        try:
            yield
            answered = True
        except (UpstreamDown, UpstreamTimeout):
            answered = False
            raise
        except UpstreamLimited:
            raise  # what follows from that is not decided here
        except AppError:
            answered = True
            raise
        except asyncio.CancelledError:
            if self._steady_s() - began_s >= self._left_s:
                answered = False
            raise
        finally:
            # What was asked before the breaker opened says nothing new.
            if answered is not None and (probing or self.closed):
                self._learn(answered=answered)
            if probing:
                self._probing = False

    def _learn(self, *, answered: bool) -> None:
        now_s = self._steady_s()
        if answered:
            if not self.closed:
                log.info("exchange answers again", extra={"exchange": self._exchange})
            self._failures, self._open_for_s = 0, 0.0
            return
        self._failures = self._failures + 1 if now_s - self._failed_s <= FAILURES_WITHIN_S else 1
        self._failed_s = now_s
        if not self.closed or self._failures >= FAILURES_MAX:
            self._open_for_s = min(OPEN_MAX_S, max(OPEN_MIN_S, self._open_for_s * 2))
            self._open_until_s = now_s + self._open_for_s
            log.warning(
                "exchange does not answer and is left alone",
                extra={"exchange": self._exchange, "open_s": self._open_for_s},
            )
