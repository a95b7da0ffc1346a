"""Commands beside ``quart run``: ``quart create-admin`` and ``quart migrate``.

Both work while the service runs and while it does not, with a database of one's own and with the embedded
one. They print plain lines; what fails is one sentence and exit code 1.
"""

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Iterator
from typing import Any, NoReturn, TypeVar

import asyncpg
import click
from quart import Quart

from app_extensions.db_pool import close_pool, open_pool
from app_extensions.embedded import EmbeddedError, embedded_servers, running_addresses
from app_extensions.migrations import MigrationError, migrate
from config import Config, ConfigError, load_config
from services import auth_settings
from services.auth_service import AuthService, check_username
from services.passwords import check_new_password
from utils.accounts import Role, User
from utils.clock import Clock
from utils.errors import AppError

T = TypeVar("T")


def register_cli(app: Quart) -> None:
    """Add the commands to ``quart``."""
    app.cli.add_command(migrate_command)
    app.cli.add_command(create_admin_command)


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema."""
    with _sentences(), _database(load_config()) as dsn:
        applied = _run(migrate(dsn))
    for name in applied:
        click.echo(f"Applied {name}.")
    click.echo("The database is up to date.")


@click.command("create-admin")
@click.option("--username", help="The name to sign in with; asked for when left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
def create_admin_command(username: str | None, *, password_stdin: bool) -> None:
    """Add a user with the role admin."""
    with _sentences():
        username, password = _credentials(username, password_stdin=password_stdin)
        check_username(username)
        check_new_password(password)
        config = load_config()
        with _database(config) as dsn:
            user = _run(_create_admin(dsn, config, username, password))
    click.echo(f"Created the admin {user.username}. Sign in with POST /auth/login.")


def _credentials(username: str | None, *, password_stdin: bool) -> tuple[str, str]:
    if not password_stdin:
        name = username or click.prompt("Username", type=str)
        return name, click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
    if username is None:
        raise click.ClickException("A password from the input needs a name: add --username.")
    # Only the end of the line is taken off: spaces belong to the password.
    return username, sys.stdin.readline().removesuffix("\n").removesuffix("\r")


async def _create_admin(dsn: str, config: Config, username: str, password: str) -> User:
    await migrate(dsn)
    pool = await open_pool(dsn)
    auth = AuthService(pool=pool, clock=Clock(), settings=auth_settings(config))
    try:
        return await auth.create_user(username, password, Role.ADMIN)
    finally:
        auth.close()
        await close_pool(pool)


@contextlib.contextmanager
def _database(config: Config) -> Iterator[str]:
    if config.db_connection_string:
        yield config.db_connection_string
        return
    beside = running_addresses(config.var_dir)
    if beside is not None and beside.db_connection_string is not None:
        yield beside.db_connection_string
        return
    with embedded_servers(config.var_dir, postgres=True, valkey=False, say=click.echo) as addresses:
        assert addresses.db_connection_string is not None
        yield addresses.db_connection_string


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        _fail_for_database(error)


def _fail_for_database(error: Exception) -> NoReturn:
    # What the system says of a connection is for programmers; what PostgreSQL says is a sentence.
    reason = "it does not answer" if isinstance(error, OSError) else str(error).splitlines()[0]
    raise click.ClickException(
        f"The database cannot be used: {reason}. Check DB_CONNECTION_STRING, and that the server runs."
    ) from error


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    # click prints the sentence of its own exceptions and exits with 1.
    try:
        yield
    except AppError as error:
        raise click.ClickException(error.detail) from error
    except (ConfigError, EmbeddedError, MigrationError) as error:
        raise click.ClickException(str(error)) from error
