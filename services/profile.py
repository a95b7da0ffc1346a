"""What a user sees and sets of their own: who they are, and how they want to be spoken to."""

import asyncpg
import orjson

from services.announcing.preferences import (
    Preferences,
    PreferencesChange,
    decode_preferences,
    encode_change,
)
from services.narration.voice import voice_for
from services.stores.preferences import select_preferences, upsert_preferences
from services.stores.users import select_user
from utils.accounts import Principal, User
from utils.clock import Clock
from utils.errors import NotFound


class Profiles:
    """Read and change the preferences of users."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def user(self, principal: Principal) -> User:
        """Return whoever asks. Raises: NotFound when the account was deleted at this moment."""
        found = await select_user(self._pool, principal.user_id)
        if found is None:
            raise NotFound("This account is gone.", code="unknown_user")
        return found.user

    async def preferences(self, principal: Principal) -> Preferences:
        """Return what a user prefers; what they never said is as by default."""
        text = await select_preferences(self._pool, principal.user_id)
        return Preferences() if text is None else decode_preferences(orjson.loads(text))

    async def change(self, principal: Principal, change: PreferencesChange) -> Preferences:
        """Change and keep what a user prefers, and return it.

        Raises: InvalidRequest for a language that nobody speaks here, or an unknown time zone.
        """
        voice_for(change.locale, None, change.time_zone)
        text = orjson.dumps(encode_change(change)).decode()
        now_ms = self._clock.now_ms()
        kept = await upsert_preferences(self._pool, principal.user_id, text, now_ms=now_ms)
        return decode_preferences(orjson.loads(kept))
