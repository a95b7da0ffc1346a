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
    pool: asyncpg.Pool, user_id: int, preferences: StoredPreferences, *, now_ms: int
) -> None:
    """Keep a user's preferences, given as JSON text."""
    await pool.execute(
        """
        INSERT INTO listening_preference (user_id, preferences, updated_at)
        VALUES ($1, $2::jsonb, to_timestamp($3::bigint / 1000.0))
        ON CONFLICT (user_id) DO UPDATE SET preferences = $2::jsonb, updated_at = excluded.updated_at
        """,
        user_id,
        preferences,
        now_ms,
    )
