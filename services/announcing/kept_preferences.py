"""What a user who is signed in wants to hear, on every connection: read where one begins, and kept."""

from dataclasses import replace

import asyncpg
import orjson

from services.announcing.preferences import (
    Preferences,
    PreferencesChange,
    decode_preferences,
    encode_change,
)
from services.narration.voice import voice_for
from services.stores.losses import DATABASE_AWAY
from services.stores.preferences import select_preferences, upsert_preferences
from utils.clock import Clock
from utils.errors import InvalidRequest


class KeptPreferences:
    """Read and keep the preferences of one connection's user.

    ``unread`` while those of the user could not be read: then nothing is written over them.
    """

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self.unread = False
        # What could not be kept when it was asked for.
        self._unkept = PreferencesChange()

    async def read(self, user_id: int) -> Preferences:
        """Return what a user prefers; as by default where nothing is kept, or it cannot be read."""
        self.unread = False
        try:
            text = await select_preferences(self._pool, user_id)
        except DATABASE_AWAY:
            self.unread = True
            return Preferences()
        return Preferences() if text is None else _speakable(decode_preferences(orjson.loads(text)))

    async def keep(self, user_id: int, change: PreferencesChange) -> bool:
        """Return whether a change is kept now, with those before it that could not be.

        What this connection read when it began may be old: only what changes is written.
        """
        self._unkept = self._unkept.then(change)
        if self.unread:
            return False
        text = orjson.dumps(encode_change(self._unkept)).decode()
        try:
            await upsert_preferences(self._pool, user_id, text, now_ms=self._clock.now_ms())
        except DATABASE_AWAY:
            return False
        self._unkept = PreferencesChange()
        return True


def _speakable(kept: Preferences) -> Preferences:
    """Return what is kept for a user, without a language or a time zone that has gone since."""
    try:
        voice_for(kept.locale, None, kept.time_zone)
    except InvalidRequest:
        return replace(kept, locale=None, time_zone=None)
    return kept
