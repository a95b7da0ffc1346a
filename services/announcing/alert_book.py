"""A user's price alerts: making, listing and taking them away."""

import logging

import asyncpg
from redis.exceptions import RedisError

from services.announcing.alert_feeds import TOPICS_MAX
from services.announcing.alerts import event_ms, first_state, place_of
from services.announcing.record import FiringRecord
from services.idempotency import Keep, keep_nothing
from services.live.log import LiveLog
from services.stores import alerts
from services.stores.alerts import AlertTerms, LogPlace, PriceAlert, TopicCounts
from services.stores.locks import lock_until_commit
from utils.clock import Clock
from utils.domain import Bar, Topic
from utils.errors import Conflict, NotFound

ALERTS_MAX = 50
# Once half of the topics are taken, so many may be a user's own, with no alert of anybody else: or ten users
# could take them all.
TOPICS_ALONE_MAX = 10
TOPICS_LOCK = "topics of alerts"
LOCK_TIMEOUT_S = 2.0
ACQUIRE_TIMEOUT_S = 2.0
NEWEST_ENTRIES = 8
# A price older than this does not say where an alert begins.
FRESH_MS = 60_000

log = logging.getLogger(__name__)


class AlertBook:
    """Keep the alerts of all users; they are watched by whoever feeds their topics."""

    def __init__(self, *, pool: asyncpg.Pool, clock: Clock, log_: LiveLog, record: FiringRecord) -> None:
        self._pool = pool
        self._clock = clock
        self._log = log_
        self._record = record

    async def create(
        self, user_id: int, terms: AlertTerms, keep: Keep[PriceAlert] = keep_nothing
    ) -> PriceAlert:
        """Add an alert that watches every price from now on.

        Raises: Conflict when the user has too many, or when too many topics are watched, or too many for this
        user alone.
        """
        price, place = await self._newest(terms.topic)
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            await alerts.lock_user(connection, user_id)
            if await alerts.count_alerts(connection, user_id) >= ALERTS_MAX:
                raise Conflict(
                    f"You have {ALERTS_MAX} alerts, and that is as many as there may be. Delete one first.",
                    code="too_many_alerts",
                )
            # Two at once may each find the last topic free, or one that somebody else is giving up.
            await lock_until_commit(connection, TOPICS_LOCK, LOCK_TIMEOUT_S)
            if not await alerts.is_waited_for(connection, terms.topic):
                _check_topics(await alerts.count_topics(connection, user_id))
            alert = await alerts.insert_alert(
                connection,
                user_id,
                terms,
                state=first_state(terms.kind, terms.level, price),
                place=place,
                now_ms=self._clock.now_ms(),
            )
            await keep(connection, alert)
        await self._record.tell_changed(terms.topic)
        return alert

    async def list(self, user_id: int, *, after_alert_id: int, limit: int) -> tuple[PriceAlert, ...]:
        """Return at most ``limit`` alerts of a user in order of their id, beginning after the given one."""
        return await alerts.select_alerts(self._pool, user_id, after_alert_id=after_alert_id, limit=limit)

    async def delete(self, user_id: int, alert_id: int) -> None:
        """Take an alert away; what it fired stays in the record. Raises: NotFound."""
        alert = await alerts.delete_alert(self._pool, user_id, alert_id)
        if alert is None:
            raise NotFound(
                f"You have no alert {alert_id}. Ask /api/v1/alerts for those you have.", code="unknown_alert"
            )
        await self._record.tell_changed(alert.terms.topic)

    async def _newest(self, topic: Topic) -> tuple[float | None, LogPlace]:
        """Return the price from which a new alert starts, None when nobody knows it, and its place."""
        try:
            entries = await self._log.read_newest(topic, NEWEST_ENTRIES)
        except (RedisError, OSError):
            log.info("alert begins without a price", extra={"topic": topic.text})
            return None, LogPlace()
        if not entries:
            return None, LogPlace()
        newest = next((entry for entry in reversed(entries) if isinstance(entry.event, Bar)), None)
        fresh_from_ms = self._clock.now_ms() - FRESH_MS
        price = None
        if newest is not None and isinstance(newest.event, Bar) and event_ms(newest) >= fresh_from_ms:
            price = newest.event.close
        return price, place_of(entries[-1])


def _check_topics(counts: TopicCounts) -> None:
    # More are not fed, and an alert that nobody watches must not be promised.
    if counts.in_all >= TOPICS_MAX:
        raise Conflict(
            f"Alerts wait for {TOPICS_MAX} symbols and timeframes already, and no more are "
            "watched here. Choose one that is watched, or ask who runs this service.",
            code="too_many_alert_topics",
        )
    if 2 * counts.in_all >= TOPICS_MAX and counts.alone >= TOPICS_ALONE_MAX:
        raise Conflict(
            f"You alone have alerts for {counts.alone} symbols and timeframes, and what can be watched "
            "here is running short. Choose one that others have alerts for too, or delete an alert.",
            code="too_many_alert_topics",
        )
