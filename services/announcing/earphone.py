"""What a connection needs to hear announcements: unplugged until its client asks for them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from redis.exceptions import RedisError

from services.announcing.desk import Desk
from services.announcing.kept_preferences import KeptPreferences
from services.announcing.listening import Listening
from services.announcing.messages import Announce, AnnouncementsDue, Preferred
from services.announcing.preferences import Preferences, PreferencesChange
from services.announcing.record import FiringRecord
from services.live.log import LogEntry, Position
from services.live.mailbox import Mailbox
from services.live.messages import Failure, Goodbye, Message
from services.stores.losses import DATABASE_AWAY
from utils.accounts import Principal
from utils.clock import Clock
from utils.domain import Topic
from utils.errors import Unavailable

ALERTS_AWAY = "Your alerts and preferences cannot be read at the moment. Send preferences again in a minute."
LOG_AWAY = "Announcements cannot begin at the moment. Send preferences again in a few seconds."
# How soon another try is worth it while the log is away.
LOG_AWAY_S = 2.0
NOT_KEPT = "What you prefer holds for this connection, but cannot be kept at the moment."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EarphoneParts:
    """What the earphones of a worker share."""

    desk: Desk
    record: FiringRecord
    pool: asyncpg.Pool
    clock: Clock


class Earphone:
    """Hear announcements on one connection; ``plug`` or the first ``prefer`` begins it."""

    def __init__(
        self,
        parts: EarphoneParts,
        mailbox: "Mailbox[Message | Goodbye]",
        principal: Principal | None,
        accept_language: str | None,
    ) -> None:
        self._parts = parts
        self._mailbox = mailbox
        self._principal = principal
        self._accept_language = accept_language
        self._topics: set[Topic] = set()
        self._listening: Listening | None = None
        # What was asked for on this connection, for whoever signs in on it later.
        self._asked = PreferencesChange()
        self._since_sequence: int | None = None
        # When it was first asked from which place of the record alerts are told.
        self._since_ms: int | None = None
        # Whether it is known how far the record of alerts was told, and whether the next one is heard.
        self._placed = False
        self._hears_alerts = False
        self._kept = KeptPreferences(parts.pool, parts.clock)

    async def plug(self, change: PreferencesChange, since_sequence: int | None = None) -> None:
        """Begin to hear; alerts that fired after ``since_sequence`` are told first.

        Raises: InvalidRequest for an unknown language or time zone; Unavailable while the log is away.
        """
        listening = await self._plug(change, since_sequence)
        if self._principal is not None:
            await self._hear_alerts(self._principal, listening)

    async def sign_in(self, principal: Principal) -> None:
        """Hear the alerts of whoever has signed in on this connection since it was opened, as they like it.

        What was asked for on this connection goes before what is kept for them.
        """
        self._principal = principal
        if self._listening is None:
            return
        self._listening.prefer(self._asked.apply_to(await self._stored()))
        await self._hear_alerts(principal, self._listening)

    async def prefer(
        self,
        change: PreferencesChange,
        *,
        since_sequence: int | None = None,
        away_since_ms: int | None = None,
        command_id: str | None = None,
    ) -> None:
        """Change what is wanted, keep it for a user who is signed in, and confirm it.

        What could not be read of the user before, alerts and preferences, is read now.
        """
        listening = self._listening
        if listening is None:
            listening = await self._plug(change, since_sequence)
        else:
            listening.prefer(change.apply_to(await self._preferences(listening)))
            # Only now: what was refused must not come back with who signs in.
            self._asked = self._asked.then(change)
            if since_sequence is not None and not self._hears_alerts:
                self._since_sequence = since_sequence
        kept = await self._keep(change)
        if self._principal is not None and not self._hears_alerts:
            await self._hear_alerts(self._principal, listening, stored=kept, command_id=command_id)
        else:
            self._confirm(listening, stored=kept, command_id=command_id)
        if away_since_ms is not None:
            for topic in tuple(self._topics):
                self._parts.desk.tell_since(listening, topic, away_since_ms)

    async def begin(self, topic: Topic) -> None:
        """Hear of a topic from now on. Raises: RedisError, OSError while the log is away."""
        self._topics.add(topic)
        if self._listening is not None:
            await self._parts.desk.begin(self._listening, topic)

    def confirm(self, topic: Topic, since: Position | None, missed: Sequence[LogEntry] | None) -> None:
        """Speak of a topic from now on; first of what was missed since a position, if there is one."""
        if self._listening is None:
            return
        if since is None:
            self._listening.confirm(topic)
        else:
            self._parts.desk.tell_missed(self._listening, topic, since, missed)

    def end(self, topic: Topic) -> None:
        """Hear of a topic no more."""
        self._topics.discard(topic)
        if self._listening is not None:
            self._parts.desk.end(self._listening, topic)

    def due(self) -> Sequence[Announce]:
        """Return what may be said at this moment."""
        return () if self._listening is None else self._listening.due()

    def close(self) -> None:
        """Hear nothing any more."""
        for topic in tuple(self._topics):
            self.end(topic)
        if self._listening is not None:
            self._listening.close()
            if self._principal is not None:
                self._parts.record.leave(self._principal.user_id, self._listening.fire)

    async def _plug(self, change: PreferencesChange, since_sequence: int | None) -> Listening:
        preferences = change.apply_to(await self._stored())
        listening = self._parts.desk.open(preferences, self._post, self._accept_language)
        self._asked, self._since_sequence = change, since_sequence
        # Held before it begins, so that it is ended with the connection whatever happens meanwhile.
        self._listening = listening
        await self._begin_all(listening)
        return listening

    async def _begin_all(self, listening: Listening) -> None:
        topics = tuple(self._topics)
        try:
            for topic in topics:
                await self._parts.desk.begin(listening, topic)
        except (RedisError, OSError) as error:
            for topic in topics:
                self._parts.desk.end(listening, topic)
            self._listening = None
            log.warning("announcements not begun", extra={"reason": repr(error)[:200]})
            raise Unavailable(LOG_AWAY, code="live_unavailable", retry_after_s=LOG_AWAY_S) from error
        for topic in topics:
            listening.confirm(topic)

    def _post(self, message: Announce | AnnouncementsDue) -> None:
        # Of the requests to make a message one is enough; what was made into words is never dropped.
        self._mailbox.put(
            message, replaces="announcements" if isinstance(message, AnnouncementsDue) else None
        )

    async def _hear_alerts(
        self,
        principal: Principal,
        listening: Listening,
        *,
        stored: bool = False,
        command_id: str | None = None,
    ) -> None:
        """Confirm what holds, with the place from which alerts are told, and tell them from there."""
        record, fire = self._parts.record, listening.fire
        try:
            after = await self._place(principal.user_id)
        except DATABASE_AWAY as error:
            self._confirm(listening, stored=stored, command_id=command_id)
            self._lack_alerts(error)
            return
        # First held, then joined, then read: nothing falls between, and nothing is told twice.
        listening.hold_firings(after)
        self._placed = True
        self._confirm(listening, stored=stored, command_id=command_id)
        try:
            await record.join(principal.user_id, fire)
            firings = await record.since(principal.user_id, after)
        except DATABASE_AWAY as error:
            # What is held is read again by the next try: told now, it would stand before what was earlier.
            record.leave(principal.user_id, fire)
            self._lack_alerts(error)
            return
        listening.replay(firings)
        self._hears_alerts = True
        if self._kept.unread:
            self._mailbox.put(Failure(Unavailable.code, ALERTS_AWAY))

    async def _place(self, user_id: int) -> int:
        record = self._parts.record
        if self._since_sequence is None:
            asked_before_ms = self._since_ms
            self._since_ms = asked_before_ms or self._parts.clock.now_ms()
            after = await record.newest()
            if asked_before_ms is not None:
                # What fired since nobody could say which place that was.
                firings = await record.since(user_id, 0)
                missed = [each.sequence for each in firings if each.event_time_ms >= asked_before_ms]
                after = min([after, *(sequence - 1 for sequence in missed)])
            self._since_sequence = after
        else:
            # A record restored from a backup may end before that place: all that comes is new.
            self._since_sequence = min(self._since_sequence, await record.newest())
        return self._since_sequence

    def _lack_alerts(self, error: BaseException) -> None:
        log.warning("alerts of a listener not readable", extra={"reason": str(error)})
        self._mailbox.put(Failure(Unavailable.code, ALERTS_AWAY))

    def _confirm(self, listening: Listening, *, stored: bool, command_id: str | None) -> None:
        sequence = listening.sequence if self._placed else None
        self._mailbox.put(Preferred(listening.preferences, stored, command_id, sequence))

    async def _preferences(self, listening: Listening) -> Preferences:
        if not self._kept.unread:
            return listening.preferences
        return self._asked.apply_to(await self._stored())

    async def _stored(self) -> Preferences:
        return Preferences() if self._principal is None else await self._kept.read(self._principal.user_id)

    async def _keep(self, change: PreferencesChange) -> bool:
        if self._principal is None:
            return False
        kept = await self._kept.keep(self._principal.user_id, change)
        if not kept:
            self._mailbox.put(Failure(Unavailable.code, NOT_KEPT))
        return kept
