"""Accounts as rows. Names are compared without case; callers pass them already in lower case."""

from dataclasses import dataclass, field

import asyncpg

from utils.accounts import Role, User


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user with the hash that nobody but the sign-in may see."""

    user: User
    password_hash: str = field(repr=False)


async def insert_user(
    pool: asyncpg.Pool, username: str, *, password_hash: str, role: Role, now_ms: int
) -> User | None:
    """Return the new user, or None when the name is taken."""
    row = await pool.fetchrow(
        """
        INSERT INTO app_user (username, password_hash, role, created_at)
        VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0))
        ON CONFLICT (lower(username)) DO NOTHING
        RETURNING
            user_id, username, role, disabled_at IS NOT NULL AS disabled,
            (date_part('epoch', created_at) * 1000)::bigint AS created_ms
        """,
        username,
        password_hash,
        role,
        now_ms,
    )
    return _user(row) if row else None


async def select_user_to_sign_in(pool: asyncpg.Pool, folded_username: str) -> StoredUser | None:
    """Return the user of this name, given in lower case, with the password's hash."""
    # Served by app_user_username_key.
    row = await pool.fetchrow(
        """
        SELECT
            user_id, username, role, disabled_at IS NOT NULL AS disabled,
            (date_part('epoch', created_at) * 1000)::bigint AS created_ms,
            password_hash
        FROM app_user
        WHERE lower(username) = $1
        """,
        folded_username,
    )
    return StoredUser(_user(row), row["password_hash"]) if row else None


async def select_users(pool: asyncpg.Pool, *, after_user_id: int, limit: int) -> list[User]:
    """Return users in order of their id, beginning after the given one."""
    # Served by the primary key.
    rows = await pool.fetch(
        """
        SELECT
            user_id, username, role, disabled_at IS NOT NULL AS disabled,
            (date_part('epoch', created_at) * 1000)::bigint AS created_ms
        FROM app_user
        WHERE user_id > $1
        ORDER BY user_id
        LIMIT $2
        """,
        after_user_id,
        limit,
    )
    return [_user(row) for row in rows]


def _user(row: asyncpg.Record) -> User:
    return User(row["user_id"], row["username"], Role(row["role"]), row["disabled"], row["created_ms"])
