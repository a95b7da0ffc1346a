"""How accounts come to be: made by an admin, by whoever may register, or as the first admin of all."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg

from services.first_admin import is_first_admin_token
from services.idempotency import Keep, keep_nothing
from services.passwords import check_new_password
from services.sessions import ACQUIRE_TIMEOUT_S
from services.stores import audit, users
from utils.accounts import Action, Caller, Role, User
from utils.clock import Clock
from utils.errors import Conflict, FieldError, Forbidden, InvalidRequest, NotFound, Unauthorized, shorten

NOBODY = Caller()

# The same shape as the CHECK of app_user: ASCII, so that no two names look alike.
USERNAME_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccountRules:
    """Say who may make an account; ``secret_key`` signs the links that make the first admin."""

    secret_key: str = field(repr=False)
    registration_open: bool
    first_admin_link: bool


class Accounts:
    """Make accounts."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        clock: Clock,
        rules: AccountRules,
        hash_password: Callable[[str], Awaitable[str]],
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._rules = rules
        self._hash_password = hash_password

    async def create_user(
        self,
        username: str,
        password: str,
        role: Role,
        *,
        caller: Caller = NOBODY,
        only_first_admin: bool = False,
        keep: Keep[User] = keep_nothing,
    ) -> User:
        """Add an account and return it.

        Raises: InvalidRequest for a name or password that does not fit; Conflict when the name is taken, or
        with ``only_first_admin`` when there is an admin already.
        """
        check_username(username)
        check_new_password(password, username)
        password_hash = await self._hash_password(password)
        now_ms = self._clock.now_ms()
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection, connection.transaction():
            if only_first_admin and await users.lock_admins(connection):
                raise _set_up_already()
            user = await users.insert_user(
                connection, username, password_hash=password_hash, role=role, now_ms=now_ms
            )
            if user is None:
                raise Conflict(
                    f"There is already a user named {username}. Choose another name.", code="username_taken"
                )
            await audit.insert_event(
                connection,
                Action.USER_CREATED,
                caller,
                actor_user_id=None,
                subject_user_id=user.user_id,
                detail=f"role {role}",
                now_ms=now_ms,
            )
            await keep(connection, user)
        return user

    async def register(
        self, username: str, password: str, caller: Caller, keep: Keep[User] = keep_nothing
    ) -> User:
        """Add an account for whoever asks. Raises: as ``create_user``; Forbidden when that is not wanted."""
        if not self._rules.registration_open:
            raise Forbidden(
                "Nobody can register here by themselves. Ask the operator of this service for an account.",
                code="registration_closed",
            )
        return await self.create_user(username, password, Role.USER, caller=caller, keep=keep)

    async def check_first_admin_token(self, token: str) -> None:
        """Refuse a link to make the first admin that is not good, or that nobody needs any more.

        Raises: NotFound where such links are not given; Unauthorized; Conflict when there is an admin.
        """
        if not self._rules.first_admin_link:
            raise NotFound("Links that make an admin are given in development only. Use quart create-admin.")
        if not is_first_admin_token(token, self._rules.secret_key, self._clock.now_ms() // 1000):
            raise Unauthorized(
                "This link is not valid, or has ended. Restart the service: it prints a new one.",
                code="invalid_token",
            )
        if await users.has_admin(self._pool):
            raise _set_up_already()

    async def create_first_admin(self, username: str, password: str, caller: Caller) -> User:
        """Add the first admin; of any number of callers at once one does. Raises: as ``create_user``."""
        return await self.create_user(username, password, Role.ADMIN, caller=caller, only_first_admin=True)


def check_username(username: str) -> None:
    """Refuse a name for a new user that does not fit.

    Raises: InvalidRequest.
    """
    if USERNAME_SHAPE.fullmatch(username) is None:
        detail = (
            f"The username {shorten(username)} does not fit. Use 3 to 64 letters from a to z, digits, dots, "
            "hyphens, underscores, at or plus signs, and begin with a letter or digit."
        )
        raise InvalidRequest(detail, errors=(FieldError("username", "bad_shape", detail),))


def _set_up_already() -> Conflict:
    return Conflict("There is an admin already. Sign in at /auth/login.", code="set_up_already")
