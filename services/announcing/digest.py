"""What somebody missed, for who asks once instead of listening."""

from dataclasses import dataclass

from services.announcing.alerts import alert_news
from services.announcing.announcement import Announcement, Kind, Priority
from services.announcing.desk import DeskParts, absence_since
from services.announcing.messages import Announce
from services.announcing.preferences import Preferences
from services.announcing.record import FiringRecord
from services.announcing.wording import words
from services.narration.voice import Voice
from services.stores.announcements import Firing
from utils.domain import Topic


@dataclass(frozen=True, slots=True)
class Missed:
    """What was missed: a summary of a topic, where one was asked for, and the alerts that fired.

    ``sequence`` is the place of the record from which to ask the next time.
    """

    sequence: int
    catch_up: Announce | None
    announcements: tuple[Announce, ...]


class Digest:
    """Tell what happened since a place of the record, and since a time."""

    def __init__(self, parts: DeskParts, record: FiringRecord) -> None:
        self._parts = parts
        self._record = record

    async def missed(
        self,
        voice: Voice,
        preferences: Preferences,
        *,
        user_id: int | None,
        since_sequence: int,
        topic: Topic | None = None,
        since_ms: int | None = None,
    ) -> Missed:
        """Return a user's alerts that fired after a place, and what a topic did since a time that is over."""
        firings: tuple[Firing, ...] = ()
        newest = since_sequence
        if user_id is not None:
            # A place beyond the end, as after a restored backup, would pass over what fires next.
            after = min(since_sequence, await self._record.newest())
            firings = await self._record.since(user_id, after)
            newest = firings[-1].sequence if firings else after
        told, now_ms = [], self._parts.clock.now_ms()
        for firing in firings:
            announcement = Announcement(
                Kind.ALERT,
                Priority.CRITICAL,
                firing.topic,
                firing.event_time_ms,
                (alert_news(firing, now_ms),),
            )
            told.append(await self._voiced(announcement, firing.sequence, voice, preferences))
        catch_up = None
        # Nothing has happened since a time that is yet to come, as by the clock of who asks.
        if topic is not None and since_ms is not None and since_ms <= now_ms:
            absence = await absence_since(self._parts, topic, since_ms)
            announcement = Announcement(
                Kind.CATCH_UP, Priority.IMPORTANT, topic, absence.to_ms, (absence,), absence.cover
            )
            catch_up = await self._voiced(announcement, newest, voice, preferences)
        return Missed(newest, catch_up, tuple(told))

    async def _voiced(
        self, announcement: Announcement, sequence: int, voice: Voice, preferences: Preferences
    ) -> Announce:
        await self._parts.steps.learn([announcement.topic])
        steps = self._parts.steps.known(announcement.topic)
        said = words(announcement, steps, voice, preferences.verbosity)
        locale = voice.locale
        speech_s = said.speech_s(preferences.words_per_minute, locale.code)
        return Announce(sequence, announcement, steps, said, speech_s, locale.code, locale.direction)
