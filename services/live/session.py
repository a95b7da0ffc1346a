"""One connection's subscriptions: position first, then what was missed or a snapshot, then live, no seam."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from redis.exceptions import RedisError

from services.announcing.earphone import Earphone
from services.announcing.messages import Announce
from services.live.feeds import Feeds
from services.live.hub import Hub, Listener
from services.live.log import EMPTY_OFFSET, FeedStatus, LiveLog, LogEntry, Position, order_of
from services.live.mailbox import Mailbox
from services.live.messages import Goodbye, Message, Resync, Snapshot, Subscribed, Unsubscribed, Update
from services.live.snapshot import Snapshots
from utils.domain import Bar, Topic
from utils.errors import Conflict, NotFound, Unavailable, shorten
from utils.turns import Turnstile

# How soon a subscription is worth another try while the log is away.
LOG_AWAY_S = 2.0
# How long the newest bars of a topic that nobody followed are waited for.
FIRST_WORD_S = 2.0
# Of all topics together, so many closes that were missed may wait to be sent.
REPLAYED_MAX = 4_096

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


@dataclass(eq=False, slots=True)
class _Subscription:
    topic: Topic
    name: str
    listener: Listener = field(init=False)
    after: Position | None = None
    ended: bool = False
    waiting: list[Update] = field(default_factory=list)
    told_first: asyncio.Event | None = None


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
        self._subscriptions: dict[Topic, _Subscription] = {}
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
        subscription = self._subscriptions[topic] = _Subscription(topic, name or topic.text)
        # The subscription itself, not its topic: looking it up for each delivery costs as much as the rest.
        subscription.listener = Listener(
            topic,
            deliver=partial(self._deliver, subscription),
            broken=partial(self._on_broken, subscription),
            told=partial(self._tell, subscription),
        )
        self._parts.feeds.want(topic)
        self._parts.listening[topic] += 1
        try:
            await self._begin_hearing(topic)
            # Who comes back may have been told more by another worker than this one has read.
            position = await self._join(subscription, newest=since is not None)
            missed = await self._read_missed(topic, since, position) if since else None
            if since is not None and missed is not None:
                self.mailbox.put(Subscribed(topic, since, recovered=True, name=subscription.name))
                bars_missed = (Update(entry) for entry in missed if isinstance(entry.event, Bar))
                self._post_all(bars_missed, missed=True)
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
        self._begin(subscription, position)

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
        self, topic: Topic, since: Position, until: Position
    ) -> tuple[LogEntry, ...] | None:
        """Return what is to be replayed, None where the log cannot vouch for it or it is too much."""
        missed = await self._parts.log.read_between(topic, since, until)
        finals = sum(isinstance(entry.event, Bar) and entry.event.final for entry in missed or ())
        return missed if self.mailbox.replayed + finals <= REPLAYED_MAX else None

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

    def _begin(self, subscription: _Subscription, position: Position) -> None:
        if not self.subscribed.done():
            self.subscribed.set_result(None)
        subscription.after = position
        status = self._parts.hub.status(subscription.topic)
        if status is not None:
            self._tell(subscription, status)
        waiting, subscription.waiting = subscription.waiting, []
        # Nobody was slow to read what gathered here before it could be told.
        missed = self.mailbox.replayed + len(waiting) <= REPLAYED_MAX
        for update in waiting:
            self._deliver(subscription, (update,), missed=missed)

    async def _join(self, subscription: _Subscription, *, newest: bool) -> Position:
        position = await self._parts.hub.join(subscription.listener, newest=newest)
        if position.offset != EMPTY_OFFSET:
            return position
        # A log without an entry knows no newest bar; a feed that has just been asked for tells it at once.
        subscription.told_first = asyncio.Event()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(self._patience_s):
                await subscription.told_first.wait()
        except TimeoutError:
            return position
        finally:
            # For all topics of a connection together: where nothing comes of one, nothing may come of fifty.
            self._patience_s = max(0.0, self._patience_s - (loop.time() - began_s))
            subscription.told_first = None
        return subscription.waiting[-1].entry.position

    def _deliver(
        self, subscription: _Subscription, updates: Sequence[Update], *, missed: bool = False
    ) -> bool:
        """Return whether the client has them already."""
        if subscription.ended:
            return False
        after = subscription.after
        if after is None:
            subscription.waiting += updates
            if subscription.told_first is not None:
                subscription.told_first.set()
            return False
        first, last = updates[0], updates[-1]
        if after.epoch != first.entry.position.epoch:
            # The log began anew while this subscription was being made.
            self._on_broken(subscription, first.entry.position)
            updates = updates[1:] if subscription.after == first.entry.position else ()
        elif first.order <= order_of(after.offset):
            updates = [update for update in updates if update.order > order_of(after.offset)]
        if updates:
            subscription.after = last.entry.position
            if len(updates) == 1 and self.mailbox.pass_on(updates[0]):
                return True
            self._post_all(updates, missed=missed)
        return False

    def _tell(self, subscription: _Subscription, status: FeedStatus) -> None:
        # Who is still subscribing is told at the end of that.
        if not subscription.ended and subscription.after is not None:
            # No entry of the log: it is said at the place where the client is.
            update = Update(LogEntry(subscription.topic, subscription.after, status))
            self.mailbox.put(update, replaces=update.slot)

    def _on_broken(self, subscription: _Subscription, position: Position) -> None:
        if subscription.ended or subscription.after is None:
            return
        if int(position.epoch) > int(subscription.after.epoch):
            # The snapshot that follows holds everything up to here.
            subscription.after = position
            self.mailbox.put(Resync(subscription.topic, position))

    def _post_all(self, updates: Iterable[Update], *, missed: bool = False) -> None:
        mailbox = self.mailbox
        for update in updates:
            if update.final:
                # What was still forming in the mailbox has been overtaken by its own close.
                mailbox.drop(update.slot)
                if missed:
                    mailbox.replay(update)
                else:
                    mailbox.put(update)
            else:
                mailbox.put(update, replaces=update.slot)
