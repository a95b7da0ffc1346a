"""Accounts as rows. Names are compared without case; callers pass them already in lower case."""

from dataclasses import dataclass, field

import asyncpg

from utils.accounts import Role, User

USER_COLUMNS = """
    user_id, username, role, disabled_at IS NOT NULL AS disabled,
    (date_part('epoch', created_at) * 1000)::bigint AS created_ms
"""


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user with the hash that nobody but the sign-in may see."""

    user: User
    password_hash: str = field(repr=False)


async def insert_user(
    connection: asyncpg.Connection | asyncpg.Pool,
    username: str,
    *,
    password_hash: str,
    role: Role,
    now_ms: int,
) -> User | None:
    """Return the new user, or None when the name is taken."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO app_user (username, password_hash, role, created_at)
        VALUES ($1, $2, $3, to_timestamp($4::bigint / 1000.0))
        ON CONFLICT (lower(username)) DO NOTHING
        RETURNING {USER_COLUMNS}
        """,  # noqa: S608 - the columns are a constant of this module
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
        f"""
        SELECT {USER_COLUMNS}, password_hash
        FROM app_user
        WHERE lower(username) = $1
        """,  # noqa: S608 - the columns are a constant of this module
        folded_username,
    )
    return StoredUser(_user(row), row["password_hash"]) if row else None


async def select_user(pool: asyncpg.Pool, user_id: int) -> StoredUser | None:
    """Return a user with the password's hash."""
    # Served by the primary key.
    row = await pool.fetchrow(
        f"""
        SELECT {USER_COLUMNS}, password_hash
        FROM app_user
        WHERE user_id = $1
        """,  # noqa: S608 - the columns are a constant of this module
        user_id,
    )
    return StoredUser(_user(row), row["password_hash"]) if row else None


async def update_password_hash(
    connection: asyncpg.Connection | asyncpg.Pool, user_id: int, *, old: str, new: str
) -> bool:
    """Replace a password's hash; False when it has been replaced meanwhile."""
    status = await connection.execute(
        """
        UPDATE app_user
        SET password_hash = $3
        WHERE user_id = $1 AND password_hash = $2
        """,
        user_id,
        old,
        new,
    )
    return bool(status == "UPDATE 1")


async def lock_unchanged_user(connection: asyncpg.Connection, user_id: int, password_hash: str) -> bool:
    """Tell whether a user still has this hash and is not disabled, and let nobody change that meanwhile."""
    # Served by the primary key.
    return bool(
        await connection.fetchval(
            """
            SELECT TRUE
            FROM app_user
            WHERE user_id = $1 AND password_hash = $2 AND disabled_at IS NULL
            FOR SHARE
            """,
            user_id,
            password_hash,
        )
    )


async def update_role(connection: asyncpg.Connection, user_id: int, role: Role) -> User | None:
    """Give a user a role and return the user; None when there is none."""
    row = await connection.fetchrow(
        f"""
        UPDATE app_user
        SET role = $2
        WHERE user_id = $1
        RETURNING {USER_COLUMNS}
        """,  # noqa: S608 - the columns are a constant of this module
        user_id,
        role,
    )
    return _user(row) if row else None


async def update_disabled(
    connection: asyncpg.Connection, user_id: int, *, disabled: bool, now_ms: int
) -> User | None:
    """Disable or enable a user and return the user; None when there is none."""
    row = await connection.fetchrow(
        f"""
        UPDATE app_user
        SET disabled_at = CASE
            WHEN $2 THEN coalesce(disabled_at, to_timestamp($3::bigint / 1000.0))
        END
        WHERE user_id = $1
        RETURNING {USER_COLUMNS}
        """,  # noqa: S608 - the columns are a constant of this module
        user_id,
        disabled,
        now_ms,
    )
    return _user(row) if row else None


async def lock_admins(connection: asyncpg.Connection) -> list[int]:
    """Return the ids of the admins who are not disabled, and let nobody change them meanwhile.

    Two changes at once take turns, also when there is no admin yet.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('accessibletrader admins', 0))")
    rows = await connection.fetch(
        """
        SELECT user_id
        FROM app_user
        WHERE role = 'admin' AND disabled_at IS NULL
        ORDER BY user_id
        """
    )
    return [row["user_id"] for row in rows]


async def has_admin(pool: asyncpg.Pool | asyncpg.Connection) -> bool:
    """Tell whether there is an admin who is not disabled."""
    return bool(
        await pool.fetchval(
            """
            SELECT EXISTS (SELECT 1 FROM app_user WHERE role = 'admin' AND disabled_at IS NULL)
            """
        )
    )


async def select_users(pool: asyncpg.Pool, *, after_user_id: int, limit: int) -> list[User]:
    """Return users in order of their id, beginning after the given one."""
    # Served by the primary key.
    rows = await pool.fetch(
        f"""
        SELECT {USER_COLUMNS}
        FROM app_user
        WHERE user_id > $1
        ORDER BY user_id
        LIMIT $2
        """,  # noqa: S608 - the columns are a constant of this module
        after_user_id,
        limit,
    )
    return [_user(row) for row in rows]


def _user(row: asyncpg.Record) -> User:
    return User(row["user_id"], row["username"], Role(row["role"]), row["disabled"], row["created_ms"])
