"""Live connections of one worker: opening, counting, and sending them away in good order."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.catalog import Catalog, check_timeframe
from services.live.broadcaster import BarBroadcaster
from services.live.feeds import KeptFeed
from services.live.hub import Hub
from services.live.limits import LiveLimits
from services.live.messages import Heartbeat, Shutdown
from services.live.session import LiveParts, LiveSession
from services.live.wish_follower import WishFollower
from utils import figures
from utils.domain import Instrument, Timeframe, Topic
from utils.errors import TooManyRequests, Unavailable
from utils.spoken import counted
from utils.tasks import end_tasks, start_apart

DRAIN_TIMEOUT_S = 3.0
# Clients come back spread over this long, so that they do not all come at once.
RETRY_MS_MIN, RETRY_MS_MAX = 1_000, 5_000


class WebSocketService:
    """Give connections their sessions; know how many there are and from where."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        parts: LiveParts,
        hub: Hub,
        follower: WishFollower | None,
        limits: LiveLimits,
        broadcaster: BarBroadcaster,
    ) -> None:
        self._catalog = catalog
        self._parts = parts
        self._hub = hub
        self._follower = follower
        self.limits = limits
        self.broadcaster = broadcaster
        # Connections by address, and by user where somebody signed in.
        self._held: Counter[str] = Counter()
        self._sessions: set[LiveSession] = set()
        self._empty = asyncio.Event()
        self._draining = False
        self._heart: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to feed what workers without feeds wish for, where this one has feeds."""
        if self._follower:
            self._follower.start()

    async def close(self) -> None:
        """End the feeds and the reading of logs."""
        if self._heart:
            await end_tasks([self._heart])
        if self._follower:
            await self._follower.close()
        await self._parts.feeds.close()
        await self._hub.close()
        await self._parts.snapshots.close()

    @property
    def connections(self) -> int:
        """Return how many connections are open on this worker."""
        return len(self._sessions)

    @property
    def feeds(self) -> tuple[Topic, ...]:
        """Return the topics whose feeds this worker keeps."""
        return self._parts.feeds.running

    @property
    def kept_feeds(self) -> tuple[KeptFeed, ...]:
        """Return how each of those feeds is."""
        return self._parts.feeds.states

    @property
    def listeners(self) -> Counter[Topic]:
        """Return how many connections of this worker listen to each topic."""
        return self._parts.listening.copy()

    async def find_topics(
        self, market: str, exchange: str, symbols: tuple[str, ...], timeframe: Timeframe
    ) -> tuple[Topic, ...]:
        """Return the topics asked for, in order and without doubles. Raises: NotFound, InvalidRequest."""
        profile = await self._catalog.profile(market, exchange)
        check_timeframe(timeframe, profile.timeframes, exchange)
        topics = []
        for symbol in dict.fromkeys(symbols):
            spec = await self._catalog.find(Instrument(market, exchange, symbol))
            topic = Topic(spec.instrument, timeframe)
            self.broadcaster.check(topic)
            topics.append(topic)
        return tuple(topics)

    @contextmanager
    def session(self, address: str, user_id: int | None = None) -> Iterator[LiveSession]:
        """Hold a session for as long as its connection lives.

        Raises: TooManyRequests when the address or the user holds too many; Unavailable while the server
        stops.
        """
        self.check_room(address, user_id)
        session = LiveSession(self._parts)
        holders = [f"address {address}"] + ([] if user_id is None else [f"user {user_id}"])
        self._held.update(holders)
        self._sessions.add(session)
        figures.CONNECTIONS.set(len(self._sessions))
        if self._heart is None or self._heart.done():
            self._heart = start_apart(self._beat(), name="heartbeats")
        try:
            yield session
        finally:
            session.close()
            self._sessions.discard(session)
            figures.CONNECTIONS.set(len(self._sessions))
            for holder in holders:
                self._release(holder)
            if not self._sessions:
                self._empty.set()

    @contextmanager
    def counted(self, user_id: int | None) -> Iterator[None]:
        """Count a connection that is open already for the user who signed in by it; None counts nobody.

        Raises: TooManyRequests when the user holds too many.
        """
        if user_id is None:
            yield
            return
        holder = f"user {user_id}"
        self._check_held("You hold", holder, self.limits.per_user_max)
        self._held[holder] += 1
        try:
            yield
        finally:
            self._release(holder)

    def _release(self, holder: str) -> None:
        self._held[holder] -= 1
        if not self._held[holder]:
            del self._held[holder]

    def check_room(self, address: str, user_id: int | None = None) -> None:
        """Raise what ``session`` would raise, before a connection is accepted."""
        if self._draining:
            raise Unavailable("The server is restarting. Connect again in a few seconds.", retry_after_s=5)
        self._check_held("Your address holds", f"address {address}", self.limits.per_address_max)
        if user_id is not None:
            self._check_held("You hold", f"user {user_id}", self.limits.per_user_max)

    def _check_held(self, who: str, holder: str, allowed: int) -> None:
        if self._held[holder] >= allowed:
            raise TooManyRequests(
                f"{who} {counted(allowed, 'live connection')}. Close one first.",
                code="too_many_connections",
                retry_after_s=60,
            )

    async def _beat(self) -> None:
        # One timer for all connections: one for each would be set and stopped with every message.
        while self._sessions:
            # Looked at twice in its time, no silence is longer than promised.
            await asyncio.sleep(self.limits.heartbeat_s / 2)
            for session in self._sessions:
                if session.mailbox.rested():
                    session.mailbox.put(Heartbeat(), replaces=Heartbeat)

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
