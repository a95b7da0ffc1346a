"""The record of alerts that fired, and whom of this worker's listeners it is about.

PostgreSQL holds the record, in one order for all workers. A stream in Redis only says that there is something
new in it: whoever is woken, or has waited long enough, reads all rows after the last one it knows.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.announcing.alerts import Change
from services.stores.alerts import move_alert
from services.stores.announcements import (
    Firing,
    delete_old_firings,
    insert_firing,
    lock_record,
    select_firings,
    select_newest_sequence,
)
from services.stores.losses import DATABASE_AWAY
from utils.domain import Topic
from utils.tasks import end_tasks, heed_cancellation, start_apart

WAKE_KEY = "announcing:wake"
WAKES_KEPT = 256
WAIT_MS = 2_000
# Without Redis nobody is woken; the record is looked at this often in any case.
LOOK_EVERY_S = 5.0
RETRY_S = 1.0
FIRINGS_KEPT = 200
FIRINGS_AT_ONCE = 500
ACQUIRE_TIMEOUT_S = 2.0

# Whoever is to put firings into words is told of which topics they are, before they come.
Learn = Callable[[Collection[Topic]], Awaitable[None]]

log = logging.getLogger(__name__)


class FiringRecord:
    """Write what fired, once, and bring it to the listeners of this worker, each once and in order."""

    def __init__(self, pool: asyncpg.Pool, redis: Redis, blocking: Redis, learn: Learn) -> None:
        self._pool = pool
        self._redis = redis
        self._blocking = blocking
        self._learn = learn
        self._listeners: defaultdict[int, set[Callable[[Firing], None]]] = defaultdict(set)
        self._watchers: defaultdict[str, set[Callable[[], None]]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None
        # The last row that was read; None until somebody wants to know.
        self._reached: int | None = None

    async def close(self) -> None:
        """Stop reading."""
        if self._reader is not None:
            await end_tasks([self._reader])

    async def write(self, change: Change) -> bool:
        """Note what an entry of a log has made of an alert; False when another worker has done it.

        A firing is in the record if and only if this returned True, also when the worker ends meanwhile.
        """
        fired = change.fired
        fired_ms = None if fired is None else fired.event_time_ms
        alert = change.alert
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            if fired is not None:
                await lock_record(connection)
            if not await move_alert(
                connection, alert.alert_id, change.state, change.place, fired_ms=fired_ms
            ):
                return False
            if fired is not None:
                await insert_firing(connection, alert, fired)
                await delete_old_firings(connection, alert.user_id, kept=FIRINGS_KEPT)
        if fired is not None:
            await self._wake("u", str(alert.user_id))
        return True

    async def since(self, user_id: int, after_sequence: int) -> tuple[Firing, ...]:
        """Return what fired for a user after a place of the record, in order, as far as it is kept."""
        firings = await select_firings(
            self._pool, [user_id], after_sequence=after_sequence, limit=FIRINGS_AT_ONCE
        )
        await self._learn({firing.topic for firing in firings})
        return firings

    async def newest(self) -> int:
        """Return the newest place of the record."""
        return await select_newest_sequence(self._pool)

    async def join(self, user_id: int, deliver: Callable[[Firing], None]) -> None:
        """Deliver what fires for a user, from now on, until the listener leaves.

        What is read with ``since`` after this and what is delivered overlap and leave no hole.
        """
        self._listeners[user_id].add(deliver)
        try:
            if self._reached is None:
                newest = await self.newest()
                # Of two that ask at once, the earlier place is the safe one.
                self._reached = newest if self._reached is None else min(self._reached, newest)
        except BaseException:
            self.leave(user_id, deliver)
            raise
        self._start()

    def leave(self, user_id: int, deliver: Callable[[Firing], None]) -> None:
        """Deliver no more."""
        self._listeners[user_id].discard(deliver)
        if not self._listeners[user_id]:
            del self._listeners[user_id]

    def watch(self, topic: Topic, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever alerts of a topic are made or taken away."""
        self._watchers[topic.text].add(changed)
        self._start()

    def unwatch(self, topic: Topic, changed: Callable[[], None]) -> None:
        """Call no more."""
        self._watchers[topic.text].discard(changed)
        if not self._watchers[topic.text]:
            del self._watchers[topic.text]

    async def tell_changed(self, topic: Topic) -> None:
        """Say to all workers that alerts of a topic were made or taken away."""
        await self._wake("t", topic.text)

    async def _wake(self, field: str, value: str) -> None:
        try:
            await heed_cancellation(self._redis.xadd(WAKE_KEY, {field: value}, maxlen=WAKES_KEPT))
        except (RedisError, OSError):
            log.info("nobody woken; the record is looked at soon")

    def _start(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = start_apart(self._read_for_ever(), name="record of alerts")

    async def _read_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        # The stream's place first: what is written after it wakes us, what was written before is read now.
        offset, looked_s = await self._newest_wake(), -LOOK_EVERY_S
        while self._listeners or self._watchers:
            try:
                if loop.time() - looked_s >= LOOK_EVERY_S:
                    looked_s = loop.time()
                    await self._read()
                offset, woken = await self._wait(offset)
                if woken:
                    looked_s = -LOOK_EVERY_S
            except DATABASE_AWAY as error:
                log.warning("record of alerts not readable", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)

    async def _newest_wake(self) -> str:
        try:
            rows: Any = await heed_cancellation(self._redis.xrevrange(WAKE_KEY, count=1))
        except (RedisError, OSError):
            return "0-0"
        return str(rows[0][0].decode()) if rows else "0-0"

    async def _wait(self, offset: str) -> tuple[str, bool]:
        try:
            answer: Any = await heed_cancellation(self._blocking.xread({WAKE_KEY: offset}, block=WAIT_MS))
        except (RedisError, OSError):
            await asyncio.sleep(RETRY_S)
            return offset, True
        # RESP2 answers a list of pairs, RESP3 a mapping of key to a list of batches.
        if isinstance(answer, dict):
            rows = [row for batches in answer.values() for row in batches[0]]
        else:
            rows = [row for _, batch in answer or [] for row in batch]
        for _, fields in rows:
            for changed in tuple(self._watchers.get(fields.get(b"t", b"").decode(), ())):
                changed()
        return (rows[-1][0].decode() if rows else offset), any(b"u" in fields for _, fields in rows)

    async def _read(self) -> None:
        while self._listeners and self._reached is not None:
            firings = await select_firings(
                self._pool, list(self._listeners), after_sequence=self._reached, limit=FIRINGS_AT_ONCE
            )
            await self._learn({firing.topic for firing in firings})
            for firing in firings:
                self._reached = firing.sequence
                for deliver in tuple(self._listeners.get(firing.user_id, ())):
                    deliver(firing)
            if len(firings) < FIRINGS_AT_ONCE:
                return
