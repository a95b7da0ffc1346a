"""Attempts to sign in as rows, and the places that users have signed in from.

What was counted wears off evenly; an attempt is written down before it is made, so that no two at once can
both be the last one allowed.
"""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class PlaceKnown:
    """Whether one user, and whether anybody at all, has signed in from a place."""

    to_user: bool
    to_somebody: bool


async def take_attempt(
    connection: asyncpg.Connection,
    throttle_key: bytes,
    *,
    at_once: int,
    free: int,
    wears_off_s: float,
    now_ms: int,
) -> bool:
    """Count an attempt and return True, or return False where it has to wait.

    ``at_once`` attempts may be open at a time, each wearing off in ``wears_off_s``; after ``free`` of them
    the next has to wait for 2 seconds, then 4, then 8. What a clock that was ahead has counted counts as now.
    """
    return bool(
        await connection.fetchval(
            """
            INSERT INTO sign_in_throttle AS known (throttle_key, attempts, counted_at, next_at)
            VALUES ($1, 1, to_timestamp($5::bigint / 1000.0), to_timestamp($5::bigint / 1000.0))
            ON CONFLICT (throttle_key) DO UPDATE
            SET (attempts, counted_at, next_at) = (
                SELECT
                    left_over + 1,
                    excluded.counted_at,
                    excluded.counted_at + make_interval(
                        secs => CASE WHEN left_over + 1 <= $3 THEN 0 ELSE 2 ^ ceil(left_over + 1 - $3) END
                    )
                FROM (
                    SELECT greatest(
                        0,
                        known.attempts - date_part(
                            'epoch', greatest('0', excluded.counted_at - known.counted_at)
                        ) / $4
                    )
                ) AS worn (left_over)
            )
            WHERE known.next_at - greatest('0', known.counted_at - excluded.counted_at) <= excluded.counted_at
                AND known.attempts - date_part(
                    'epoch', greatest('0', excluded.counted_at - known.counted_at)
                ) / $4 <= $2 - 1
            RETURNING TRUE
            """,
            throttle_key,
            float(at_once),
            float(free),
            wears_off_s,
            now_ms,
        )
    )


async def count_as_now(connection: asyncpg.Connection, throttle_key: bytes, now_ms: int) -> None:
    """Let what was counted by a clock that was ahead wear off from now on."""
    await connection.execute(
        """
        UPDATE sign_in_throttle
        SET next_at = next_at - (counted_at - to_timestamp($2::bigint / 1000.0)),
            counted_at = to_timestamp($2::bigint / 1000.0)
        WHERE throttle_key = $1 AND counted_at > to_timestamp($2::bigint / 1000.0)
        """,
        throttle_key,
        now_ms,
    )


async def select_wait_s(
    connection: asyncpg.Connection, throttle_key: bytes, *, at_once: int, wears_off_s: float, now_ms: int
) -> float:
    """Return how long the next attempt has to wait; 0 when it need not."""
    # Served by the primary key.
    wait_s = await connection.fetchval(
        """
        SELECT greatest(
            0,
            date_part('epoch', next_at - greatest(to_timestamp($4::bigint / 1000.0), counted_at)),
            (attempts + 1 - $2) * $3
                - date_part('epoch', greatest('0', to_timestamp($4::bigint / 1000.0) - counted_at))
        )
        FROM sign_in_throttle
        WHERE throttle_key = $1
        """,
        throttle_key,
        float(at_once),
        wears_off_s,
        now_ms,
    )
    return float(wait_s or 0.0)


async def give_back_attempt(connection: asyncpg.Connection, throttle_key: bytes) -> None:
    """Take back what an attempt counted: it was a good one, or was never made."""
    await connection.execute(
        """
        UPDATE sign_in_throttle
        SET attempts = greatest(attempts - 1, 0), next_at = counted_at
        WHERE throttle_key = $1
        """,
        throttle_key,
    )


async def select_known(
    connection: asyncpg.Connection, folded_username: str, place: str, *, since_ms: int
) -> PlaceKnown:
    """Return who has signed in from a place since then; the name is given in lower case."""
    # Served by known_place_by_place, app_user_username_key and the primary key of known_place.
    row = await connection.fetchrow(
        """
        SELECT
            EXISTS (
                SELECT 1
                FROM app_user
                JOIN known_place ON known_place.user_id = app_user.user_id
                WHERE lower(app_user.username) = $1
                    AND known_place.place = $2
                    AND known_place.seen_at > to_timestamp($3::bigint / 1000.0)
            ) AS to_user,
            EXISTS (
                SELECT 1
                FROM known_place
                WHERE place = $2 AND seen_at > to_timestamp($3::bigint / 1000.0)
            ) AS to_somebody
        """,
        folded_username,
        place,
        since_ms,
    )
    return PlaceKnown(**dict(row))


async def upsert_known_place(
    connection: asyncpg.Connection, user_id: int, place: str, *, now_ms: int, places_max: int
) -> None:
    """Remember that a user signed in from there, and forget the oldest places beyond ``places_max``.

    First go those that a clock which was ahead has seen: nobody knows when that was.
    """
    await connection.execute(
        """
        INSERT INTO known_place (user_id, place, seen_at)
        VALUES ($1, $2, to_timestamp($3::bigint / 1000.0))
        ON CONFLICT (user_id, place) DO UPDATE SET seen_at = excluded.seen_at
        """,
        user_id,
        place,
        now_ms,
    )
    await connection.execute(
        """
        DELETE FROM known_place
        WHERE user_id = $1
            AND place NOT IN (
                SELECT place
                FROM known_place
                WHERE user_id = $1
                ORDER BY seen_at <= to_timestamp($3::bigint / 1000.0) DESC, seen_at DESC, place
                LIMIT $2
            )
        """,
        user_id,
        places_max,
        now_ms,
    )


async def delete_worn_attempts(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget what was counted last before this time."""
    # Served by sign_in_throttle_counted_at.
    await pool.execute(
        """
        DELETE FROM sign_in_throttle
        WHERE counted_at < to_timestamp($1::bigint / 1000.0)
        """,
        before_ms,
    )


async def delete_old_places(pool: asyncpg.Pool, before_ms: int) -> None:
    """Forget from where people signed in last before this time."""
    # Reads the whole table, once an hour: five rows a user at most.
    await pool.execute(
        """
        DELETE FROM known_place
        WHERE seen_at < to_timestamp($1::bigint / 1000.0)
        """,
        before_ms,
    )
