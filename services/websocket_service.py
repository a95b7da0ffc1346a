"""Live connections of one worker: opening, counting, and sending them away in good order."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.catalog import Catalog, check_timeframe
from services.live.feed_keeper import FeedKeeper
from services.live.hub import Hub
from services.live.messages import Shutdown
from services.live.session import LiveParts, LiveSession
from utils.domain import Instrument, Timeframe, Topic
from utils.errors import TooManyRequests, Unavailable

DRAIN_TIMEOUT_S = 3.0
# Clients come back spread over this long, so that they do not all come at once.
RETRY_MS_MIN, RETRY_MS_MAX = 1_000, 5_000


class WebSocketService:
    """Give connections their sessions; know how many there are and from where."""

    def __init__(
        self, *, catalog: Catalog, parts: LiveParts, hub: Hub, keeper: FeedKeeper, per_address_max: int
    ) -> None:
        self._catalog = catalog
        self._parts = parts
        self._hub = hub
        self._keeper = keeper
        self._per_address_max = per_address_max
        self._by_address: Counter[str] = Counter()
        self._sessions: set[LiveSession] = set()
        self._empty = asyncio.Event()
        self._draining = False

    async def close(self) -> None:
        """End the feeds and the reading of logs."""
        await self._keeper.close()
        await self._hub.close()

    @property
    def connections(self) -> int:
        """Return how many connections are open on this worker."""
        return len(self._sessions)

    @property
    def feeds(self) -> tuple[Topic, ...]:
        """Return the topics whose feeds this worker keeps."""
        return self._keeper.running

    async def find_topics(
        self, market: str, exchange: str, symbols: tuple[str, ...], timeframe: Timeframe
    ) -> tuple[Topic, ...]:
        """Return the topics asked for, in order and without doubles. Raises: NotFound, InvalidRequest."""
        profile = await self._catalog.profile(market, exchange)
        check_timeframe(timeframe, profile.timeframes, exchange)
        topics = []
        for symbol in dict.fromkeys(symbols):
            spec = await self._catalog.find(Instrument(market, exchange, symbol))
            topics.append(Topic(spec.instrument, timeframe))
        return tuple(topics)

    @contextmanager
    def session(self, address: str) -> Iterator[LiveSession]:
        """Hold a session for as long as its connection lives.

        Raises: TooManyRequests when the address holds too many; Unavailable while the server stops.
        """
        self.check_room(address)
        session = LiveSession(self._parts)
        self._by_address[address] += 1
        self._sessions.add(session)
        try:
            yield session
        finally:
            session.close()
            self._sessions.discard(session)
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
            if not self._sessions:
                self._empty.set()

    def check_room(self, address: str) -> None:
        """Raise what ``session`` would raise, before a connection is accepted."""
        if self._draining:
            raise Unavailable("The server is restarting. Connect again in a few seconds.", retry_after_s=5)
        if self._by_address[address] >= self._per_address_max:
            raise TooManyRequests(
                f"Your address holds {self._per_address_max} live connections. Close one first.",
                code="too_many_connections",
                retry_after_s=60,
            )

    async def drain(self) -> None:
        """Tell every connection that the server stops; return when all are gone, at the latest in 3 s."""
        self._draining = True
        self._empty.clear()
        for session in tuple(self._sessions):
            retry_ms = random.randint(RETRY_MS_MIN, RETRY_MS_MAX)  # noqa: S311 - no secret
            session.mailbox.put(Shutdown(retry_ms))
        if not self._sessions:
            return
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._empty.wait()
        except TimeoutError:
            return
