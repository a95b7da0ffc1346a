"""What users want to hear, as rows."""

import asyncpg

# Any of them may be missing; what they mean is decided elsewhere.
StoredPreferences = str


async def select_preferences(pool: asyncpg.Pool, user_id: int) -> StoredPreferences | None:
    """Return a user's preferences as JSON text; None when there are none."""
    # Served by the primary key.
    text: StoredPreferences | None = await pool.fetchval(
        "SELECT preferences::text FROM listening_preference WHERE user_id = $1", user_id
    )
    return text


async def upsert_preferences(
    pool: asyncpg.Pool, user_id: int, change: StoredPreferences, *, now_ms: int
) -> StoredPreferences:
    """Keep what changes of a user's preferences, and return all of them, both as JSON text.

    A member of the change replaces the one that was kept, as a whole; the others stay.
    """
    kept: StoredPreferences = await pool.fetchval(
        """
        INSERT INTO listening_preference AS kept (user_id, preferences, updated_at)
        VALUES ($1, $2::jsonb, to_timestamp($3::bigint / 1000.0))
        ON CONFLICT (user_id) DO UPDATE
        SET preferences = kept.preferences || excluded.preferences, updated_at = excluded.updated_at
        RETURNING preferences::text
        """,
        user_id,
        change,
        now_ms,
    )
    return kept
