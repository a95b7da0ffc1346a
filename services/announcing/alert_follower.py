"""Watch the alerts of a topic, on the worker that feeds it."""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable

import asyncpg
from redis.exceptions import RedisError

from services.announcing.alerts import AlertWatch, event_ms, place_at, place_of
from services.announcing.record import FiringRecord
from services.announcing.tape import TopicTape
from services.live.hub import Hub, Listener
from services.live.log import ENTRIES_KEPT, LiveLog, LogEntry, Position
from services.stores.alerts import LogPlace, PriceAlert, select_alerts_of_topic
from services.stores.losses import DATABASE_AWAY
from utils.domain import Topic
from utils.tasks import wait_at_most

# Alerts that nobody told of are found this soon.
REREAD_S = 30.0
RETRY_S = 1.0
ALERTS_AT_ONCE = 1_000
# So that a long log is not read in one turn of the loop.
ENTRIES_A_TURN = 256

log = logging.getLogger(__name__)


class AlertFollower:
    """Follow topics; what an entry does to an alert goes into the record, once for all workers."""

    def __init__(self, *, pool: asyncpg.Pool, log_: LiveLog, hub: Hub, record: FiringRecord) -> None:
        self._pool = pool
        self._log = log_
        self._hub = hub
        self._record = record

    async def follow(self, topic: Topic) -> None:
        """Watch the alerts of a topic until cancelled, whatever is away meanwhile."""
        following = _Following(topic)
        self._record.watch(topic, following.change)
        try:
            while True:
                try:
                    await self._follow_until_changed(following)
                except (*DATABASE_AWAY, RedisError, TimeoutError) as error:
                    log.warning("alerts not watched", extra={"topic": topic.text, "reason": str(error)})
                    # What was not written happens again, from where the rows stand.
                    following.forget()
                    await asyncio.sleep(RETRY_S)
        finally:
            self._record.unwatch(topic, following.change)

    async def _follow_until_changed(self, following: "_Following") -> None:
        following.changed = False
        following.hold(await self._alerts(following.topic))
        if not following.watches:
            await following.wait(REREAD_S)
            return
        listener = Listener(
            following.topic,
            deliver=lambda updates: following.add(update.entry for update in updates),
            broken=lambda _: following.change(),
            told=lambda _: None,
        )
        position = await self._hub.join(listener)
        try:
            await self._watch(following, position)
        finally:
            self._hub.leave(listener)
            following.take()

    async def _watch(self, following: "_Following", position: Position) -> None:
        until = place_at(position)
        entries = await self._log.read_newest(following.topic, ENTRIES_KEPT)
        known = [entry for entry in entries if place_of(entry) <= until]
        tape = TopicTape(following.topic)
        for start in range(0, len(known), ENTRIES_A_TURN):
            await self._hear(following, tape, known[start : start + ENTRIES_A_TURN])
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        reread_s = loop.time() + REREAD_S
        while not following.changed and loop.time() < reread_s:
            # The hub may deliver again what the log was asked for.
            await self._hear(
                following, tape, [entry for entry in following.take() if place_of(entry) > until]
            )
            await following.wait(reread_s - loop.time())

    async def _hear(self, following: "_Following", tape: TopicTape, entries: list[LogEntry]) -> None:
        for entry in entries:
            news, place = tape.observe(entry.event, event_ms(entry)), place_of(entry)
            for watch in following.listening_at(place):
                change = watch.hear(news, place)
                if change is not None:
                    await self._record.write(change)

    async def _alerts(self, topic: Topic) -> list[PriceAlert]:
        found: list[PriceAlert] = []
        while True:
            after = found[-1].alert_id if found else 0
            page = await select_alerts_of_topic(self._pool, topic, after_alert_id=after, limit=ALERTS_AT_ONCE)
            found += page
            if len(page) < ALERTS_AT_ONCE:
                return found


class _Following:
    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.watches: dict[int, AlertWatch] = {}
        self.changed = False
        self._new: list[AlertWatch] = []
        self._heard = LogPlace()
        self._entries: deque[LogEntry] = deque()
        self._stir = asyncio.Event()

    def hold(self, alerts: list[PriceAlert]) -> None:
        # Who has listened already goes on, who is new hears the whole log.
        held = {alert.alert_id: self.watches.get(alert.alert_id) for alert in alerts}
        self._new = [AlertWatch(alert) for alert in alerts if held[alert.alert_id] is None]
        self.watches = {key: watch for key, watch in held.items() if watch is not None}
        self.watches |= {watch.alert.alert_id: watch for watch in self._new}

    def forget(self) -> None:
        self.watches = {}

    def listening_at(self, place: LogPlace) -> Collection[AlertWatch]:
        if place <= self._heard:
            return self._new
        self._heard = place
        return self.watches.values()

    def change(self) -> None:
        self.changed = True
        self._stir.set()

    def add(self, entries: Iterable[LogEntry]) -> None:
        self._entries.extend(entries)
        if len(self._entries) > ENTRIES_KEPT:
            # So far behind, the log itself is the shorter way.
            self._entries.clear()
            self.changed = True
        self._stir.set()

    def take(self) -> list[LogEntry]:
        taken = list(self._entries)
        self._entries.clear()
        return taken

    async def wait(self, timeout_s: float) -> None:
        if self.changed or self._entries:
            return
        self._stir.clear()
        await wait_at_most(self._stir, max(0.0, timeout_s))
