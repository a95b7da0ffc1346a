"""One connection's subscriptions: position first, then what was missed or a snapshot, then live, no seam."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from services.announcing.earphone import Earphone
from services.announcing.messages import Announce
from services.live.feeds import Feeds
from services.live.hub import Hub
from services.live.log import EMPTY_OFFSET, LiveLog, LogEntry, Position
from services.live.mailbox import Mailbox
from services.live.messages import Goodbye, Message, Resync, Snapshot, Subscribed, Unsubscribed, Update
from services.live.snapshot import Snapshots
from services.live.subscription import Subscription
from utils.domain import Bar, Topic
from utils.errors import Conflict, NotFound, Unavailable, shorten
from utils.turns import Turnstile

# How soon a subscription is worth another try while the log is away.
LOG_AWAY_S = 2.0
# How long the newest bars of a topic that nobody followed are waited for.
FIRST_WORD_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What every session of a worker shares."""

    hub: Hub
    log: LiveLog
    feeds: Feeds
    snapshots: Snapshots
    topics_max: int
    turnstile: Turnstile = field(default_factory=Turnstile)
    # How many sessions listen to each topic: counting them anew would take a glance at every subscription.
    listening: Counter[Topic] = field(default_factory=Counter)


class LiveSession:
    """Hold what one connection listens to, and the mailbox its writer empties."""

    def __init__(self, parts: LiveParts) -> None:
        self.connection_id = secrets.token_hex(8)
        self.mailbox: Mailbox[Message | Goodbye] = Mailbox()
        # Done with the first topic, for the one who waits for it.
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Set for a connection that may hear announcements.
        self.earphone: Earphone | None = None
        self._parts = parts
        self._subscriptions: dict[Topic, Subscription] = {}
        self._patience_s = FIRST_WORD_S

    @property
    def topics_max(self) -> int:
        """Return how many topics the connection may hold."""
        return self._parts.topics_max

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Return what the connection listens to, in the order of subscribing."""
        return tuple(self._subscriptions)

    async def subscribe(self, topic: Topic, since: Position | None = None, name: str | None = None) -> None:
        """Put the topic's position, what was missed or a snapshot, and then everything new into the mailbox.

        ``name`` is what the client calls the topic, if not by its text.
        Raises: Conflict when the topic is subscribed or the connection holds too many; Unavailable while the
        log is away.
        """
        # A thousand who subscribe at once do so one after the other, and hold nobody else up.
        await self._parts.turnstile.go_through()
        if topic in self._subscriptions:
            raise Conflict(
                f"{topic.text} is subscribed already. Unsubscribe first.", code="subscribed_already"
            )
        if len(self._subscriptions) >= self._parts.topics_max:
            raise Conflict(
                f"A connection may hold {self._parts.topics_max} topics. Unsubscribe one first.",
                code="too_many_topics",
            )
        subscription = self._subscriptions[topic] = Subscription(topic, name or topic.text, self.mailbox)
        self._parts.feeds.want(topic)
        self._parts.listening[topic] += 1
        try:
            await self._begin_hearing(topic)
            # Who comes back may have been told more by another worker than this one has read.
            position = await self._join(subscription, newest=since is not None)
            missed = await self._read_missed(subscription, since, position) if since else None
            if since is not None and missed is not None:
                self.mailbox.put(Subscribed(topic, since, recovered=True, name=subscription.name))
                bars_missed = (Update(entry) for entry in missed if isinstance(entry.event, Bar))
                subscription.post_all(bars_missed, missed=True)
            else:
                bars = await self._parts.snapshots.bars_at(topic, position)
                self.mailbox.put(Subscribed(topic, position, recovered=False, name=subscription.name))
                self.mailbox.put(Snapshot(topic, position, bars))
        except (RedisError, OSError) as error:
            log.warning("topic not followed", extra={"topic": topic.text, "reason": repr(error)[:200]})
            self._end(topic)
            raise Unavailable(
                f"{topic.text} cannot be followed at the moment. Subscribe again in a few seconds.",
                code="live_unavailable",
                retry_after_s=LOG_AWAY_S,
            ) from error
        except BaseException:
            self._end(topic)
            raise
        if self.earphone is not None:
            self.earphone.confirm(topic, since, missed)
        if not self.subscribed.done():
            self.subscribed.set_result(None)
        subscription.begin(position, self._parts.hub.status(topic))

    def unsubscribe(self, name: str) -> None:
        """End the topic of this name and say so. Raises: NotFound when it was not subscribed."""
        subscriptions = self._subscriptions.items()
        topic = next((each for each, held in subscriptions if name in (held.name, each.text)), None)
        if topic is None:
            raise NotFound(
                f"{shorten(name, 80)} is not subscribed. Name a topic as subscribed named it.",
                code="not_subscribed",
            )
        self._end(topic)
        self.mailbox.put(Unsubscribed(topic))

    async def resynced(self, resync: Resync) -> Snapshot:
        """Return the snapshot that follows a resync."""
        bars = await self._parts.snapshots.bars_at(resync.topic, resync.position)
        return Snapshot(resync.topic, resync.position, bars)

    def close(self) -> None:
        """End every topic."""
        for topic in tuple(self._subscriptions):
            self._end(topic)
        if self.earphone is not None:
            self.earphone.close()

    async def _read_missed(
        self, subscription: Subscription, since: Position, until: Position
    ) -> tuple[LogEntry, ...] | None:
        """Return what is to be replayed, None where the log cannot vouch for it or it is too much."""
        missed = await self._parts.log.read_between(subscription.topic, since, until)
        finals = sum(isinstance(entry.event, Bar) and entry.event.final for entry in missed or ())
        return missed if subscription.may_replay(finals) else None

    async def _begin_hearing(self, topic: Topic) -> None:
        # Before all else, so that nothing happens between what was missed and what is heard.
        if self.earphone is not None:
            await self.earphone.begin(topic)

    def due_announcements(self) -> Sequence[Announce]:
        """Return what may be announced at this moment."""
        return () if self.earphone is None else self.earphone.due()

    def _end(self, topic: Topic) -> None:
        subscription = self._subscriptions.pop(topic)
        subscription.ended = True
        self._parts.hub.leave(subscription.listener)
        # Its listener calls the subscription, which would hold both until the collector comes.
        del subscription.listener
        self._parts.feeds.unwant(topic)
        self._parts.listening[topic] -= 1
        if not self._parts.listening[topic]:
            del self._parts.listening[topic]
        if self.earphone is not None:
            self.earphone.end(topic)

    async def _join(self, subscription: Subscription, *, newest: bool) -> Position:
        position = await self._parts.hub.join(subscription.listener, newest=newest)
        if position.offset != EMPTY_OFFSET:
            return position
        # A log without an entry knows no newest bar; a feed that has just been asked for tells it at once.
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            return await subscription.first_word(self._patience_s) or position
        finally:
            # For all topics of a connection together: where nothing comes of one, nothing may come of fifty.
            self._patience_s = max(0.0, self._patience_s - (loop.time() - began_s))
