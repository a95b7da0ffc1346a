"""One ccxt client for each exchange, for the life of the plugin."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from plugins.crypto_answers import Answer, read_date_ms, recorded
from plugins.crypto_catalog import Venue
from plugins.crypto_errors import PARSE_FAULTS, garbage, lost, timed_out, translate
from plugins.crypto_live import LiveChannels
from plugins.crypto_pace import Pace
from plugins.crypto_session import open_session
from plugins.crypto_tap import tapped
from utils.clock import Clock
from utils.domain import HOUR_MS
from utils.errors import AppError, UpstreamBusy
from utils.tasks import start_apart

CLOSE_TIMEOUT_S = 5.0
MARKETS_MAX_AGE_MS = HOUR_MS

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound what is asked of an exchange.

    A caller waits ``ask_timeout_s`` at most; a market list that takes longer is still read, for the next
    caller. Few calls are under way at a time, and a bounded number waits. ``left_over_max`` bounds what one
    WebSocket brings that nobody follows, where a subscription cannot be ended. After ``idle_max_s`` without
    a question an exchange is let go of, with its market list.
    """

    call_timeout_s: float = 5.0
    ask_timeout_s: float = 6.0
    markets_timeout_s: float = 30.0
    unwatch_timeout_s: float = 3.0
    calls_at_once: int = 4
    calls_waiting: int = 64
    left_over_max: int = 20
    idle_max_s: float = 1_800.0


class ExchangeClient:
    """Ask one exchange, within limits of time and number; its failures leave as errors of ours."""

    def __init__(
        self,
        venue: Venue,
        base_error: type[Exception],
        *,
        endpoint: str,
        tls: ssl.SSLContext,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self.venue = venue
        self._limits = limits
        self._clock = clock
        self._faults = (*PARSE_FAULTS, base_error, aiohttp.ClientError, OSError)
        self._session = open_session(endpoint, tls)
        call_timeout_ms = int(limits.call_timeout_s * 1000)
        self.ccxt = tapped(venue.exchange_class, self, base_error)(
            {
                "session": self._session,
                "ssl_context": tls,
                "timeout": call_timeout_ms,
                # Nobody reads it again, and a market list is tens of megabytes of text.
                "enableLastHttpResponse": False,
                "options": {**venue.row.options, "ws": {"connectionTimeout": call_timeout_ms}},
            }
        )
        # ccxt waits here for transports that aiohttp now waits for itself.
        self.ccxt.timeout_on_exit = 0
        self.live = LiveChannels(
            self._forget_connection,
            self._faults,
            unwatch_timeout_s=limits.unwatch_timeout_s,
            left_over_max=limits.left_over_max,
        )
        self._pace = Pace(venue.name)
        self._offset_ms = 0
        self._slots = asyncio.Semaphore(limits.calls_at_once)
        self._waiting = 0
        self._markets_task: asyncio.Task[None] | None = None
        self._markets_read_ms: int | None = None
        self._used_s = clock.steady_s()

    def use(self) -> None:
        """Note that somebody is about to ask."""
        self._used_s = self._clock.steady_s()

    @property
    def is_idle(self) -> bool:
        """Tell whether nobody has asked for long, and nobody follows anything."""
        # Longer than any deadline: whoever noted a use has ended by then.
        rested = self._clock.steady_s() - self._used_s >= self._limits.idle_max_s
        return rested and self.live.is_idle

    @property
    def name(self) -> str:
        """Return the exchange's name as it is said."""
        return self.venue.name

    @property
    def exchange_time_ms(self) -> int:
        """Return the exchange's clock, to the second, as its last answer showed it."""
        return self._clock.now_ms() + self._offset_ms

    async def markets(self, *, max_age_ms: int | None = None) -> Mapping[str, Mapping[str, Any]]:
        """Return ccxt's markets by symbol, read once however many ask; None takes them at any age.

        Raises: an UpstreamError; after ``UpstreamTimeout`` the list is still being read.
        """
        read_ms = self._markets_read_ms
        if read_ms is None or (max_age_ms is not None and self._clock.now_ms() - read_ms > max_age_ms):
            if self._markets_task is None:
                self._markets_task = start_apart(self._read_markets(), name=f"markets of {self.name}")
                self._markets_task.add_done_callback(self._markets_done)
            await self._within_deadline(asyncio.shield(self._markets_task))
        markets: Mapping[str, Mapping[str, Any]] = self.ccxt.markets
        return markets

    async def ask(self, question: Callable[[], Awaitable[Result]]) -> tuple[Result, Answer]:
        """Return what a call of ccxt returns, and the answer it came from.

        Raises: the Upstream error, or NotFound, that ccxt's failure means.
        """
        if self._waiting >= self._limits.calls_waiting:
            raise UpstreamBusy(f"{self.name} is being asked too much. Try again soon.", retry_after_s=5)
        self._waiting += 1
        try:
            return await self._within_deadline(self._ask_in_turn(question))
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Close every connection; what was being read is given up."""
        if self._markets_task is not None:
            self._markets_task.cancel()
            await asyncio.wait([self._markets_task])
        await self.live.close()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.ccxt.close()
        except TimeoutError:
            pass  # a server that does not say goodbye; the session below cuts it off
        finally:
            await self._session.close()

    def translate(self, error: Exception) -> AppError:
        """Return the error of ours for a failure of this exchange."""
        return translate(error, self.name)

    async def paced(self, cost: float) -> None:
        """Wait for the turn of a call; ccxt counts costs in units of ``rateLimit`` milliseconds."""
        await self._pace.wait(cost * self.ccxt.rateLimit / 1000)

    def answered(self, headers: Mapping[str, str]) -> None:
        """Take note of the exchange's clock."""
        date_ms = read_date_ms(headers)
        if date_ms is not None:
            self._offset_ms = date_ms - self._clock.now_ms()

    def connected(self, connection: Any) -> None:
        """See ``LiveChannels``."""
        self.live.connected(connection)

    def received(self, connection: Any) -> None:
        """See ``LiveChannels``."""
        self.live.received(connection)

    def lost(self, connection: Any, error: Exception) -> None:
        """See ``LiveChannels``."""
        closed = isinstance(error, ConnectionError)
        self.live.lost(connection, lost(self.name) if closed else self.translate(error))

    async def _within_deadline(self, work: Awaitable[Result]) -> Result:
        try:
            async with asyncio.timeout(self._limits.ask_timeout_s):
                return await work
        except TimeoutError as error:
            raise timed_out(self.name) from error

    async def _ask_in_turn(self, question: Callable[[], Awaitable[Result]]) -> tuple[Result, Answer]:
        async with self._slots:
            with recorded(strict=True) as answer:
                try:
                    return await question(), answer
                except self._faults as error:
                    raise translate(error, self.name, answer) from error

    async def _read_markets(self) -> None:
        with recorded(strict=False) as answer:
            try:
                async with asyncio.timeout(self._limits.markets_timeout_s):
                    markets = await self.ccxt.load_markets(True)
            except self._faults as error:
                raise translate(error, self.name, answer) from error
        if not markets:
            raise garbage(self.name)
        self._markets_read_ms = self._clock.now_ms()

    def _markets_done(self, task: asyncio.Task[None]) -> None:
        # A failed one would keep ccxt's frames, and in them all that was read so far.
        self._markets_task = None
        retrieve(task)

    def _forget_connection(self, connection: Any) -> None:
        # An error on it tells ccxt that its end is not the server's doing, so that ccxt leaves a
        # successor at the same address alone.
        connection.error = connection.error or ConnectionError("nobody listens")
        if self.ccxt.clients.get(connection.url) is connection:
            del self.ccxt.clients[connection.url]


def retrieve(task: asyncio.Task[Any]) -> None:
    """Take a task's error as known: whoever waited was told, and nobody may have waited."""
    if not task.cancelled() and task.exception() is not None:
        log.warning(
            "background work failed", extra={"task": task.get_name(), "error": repr(task.exception())}
        )
