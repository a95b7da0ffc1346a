"""Accounts of a first run: the link that makes the first admin, and users to try things with when asked for.

There are no default users: whatever is made here has a password that is new and said once.
"""

import secrets
import time
from dataclasses import dataclass, field

from app_extensions.db_pool import close_pool, open_pool
from config import Config
from services import auth_settings
from services.auth_service import AuthService
from services.first_admin import make_first_admin_token
from services.stores.users import has_admin
from utils.accounts import Role
from utils.clock import Clock
from utils.errors import Conflict

DEMO_USERS = {"demo": Role.USER, "demo-admin": Role.ADMIN}
PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class FirstAccounts:
    """What there is to be said about accounts when the service is ready."""

    link_path: str | None = field(repr=False)
    sentences: tuple[str, ...] = field(repr=False)


async def prepare_accounts(config: Config, *, demo: bool) -> FirstAccounts:
    """Make the demo users if they are asked for, and the link while nobody is an admin.

    The link is given in development only.
    """
    pool = await open_pool(config.db_connection_string)
    auth = AuthService(pool=pool, clock=Clock(), settings=auth_settings(config))
    try:
        sentences = [await _demo_user(auth, name) for name in DEMO_USERS] if demo else []
        wanted = config.env == "development" and not await has_admin(pool)
    finally:
        auth.close()
        await close_pool(pool)
    token = make_first_admin_token(config.secret_key, int(time.time())) if wanted else None
    return FirstAccounts(token and f"/auth/first-admin?token={token}", tuple(sentences))


async def _demo_user(auth: AuthService, username: str) -> str:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    try:
        await auth.create_user(username, password, DEMO_USERS[username])
    except Conflict:
        return f"The demo user {username} is there already; the password was said when it was made."
    return f"The demo user {username} has the password {password}"
