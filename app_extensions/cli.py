"""Commands beside ``quart run``: to set up, to fetch and import, to keep and move what is stored, to listen.

They print plain lines; what fails is one sentence and exit code 1.
"""

import sys

import click
from quart import Quart

from app_extensions.cli_backup import backup_command, move_database_command, restore_command
from app_extensions.cli_history import backfill_command
from app_extensions.cli_import import import_bars_command
from app_extensions.cli_listen import listen_command
from app_extensions.cli_schema import asyncapi_command, schema_command
from app_extensions.cli_servers import reachable_servers, run, sentences
from app_extensions.cli_worker import worker_command
from app_extensions.db_pool import close_pool, open_pool
from app_extensions.migrations import migrate
from config import Config, load_config
from services import auth_settings
from services.accounts import check_username
from services.auth_service import AuthService
from services.passwords import check_new_password
from utils.accounts import Role, User
from utils.clock import Clock


def register_cli(app: Quart) -> None:
    """Add the commands to ``quart``."""
    app.cli.add_command(migrate_command)
    app.cli.add_command(create_admin_command)
    app.cli.add_command(backfill_command)
    app.cli.add_command(import_bars_command)
    app.cli.add_command(backup_command)
    app.cli.add_command(restore_command)
    app.cli.add_command(move_database_command)
    app.cli.add_command(listen_command)
    app.cli.add_command(worker_command)
    app.cli.add_command(schema_command)
    app.cli.add_command(asyncapi_command)


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema."""
    with sentences(), reachable_servers(load_config(), cache=False) as config:
        applied = run(migrate(config.db_connection_string))
    for name in applied:
        click.echo(f"Applied {name}.")
    click.echo("The database is up to date.")


@click.command("create-admin")
@click.option("--username", help="The name to sign in with; asked for when left out.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of the input.")
def create_admin_command(username: str | None, *, password_stdin: bool) -> None:
    """Add a user with the role admin."""
    with sentences():
        username, password = _credentials(username, password_stdin=password_stdin)
        check_username(username)
        check_new_password(password)
        with reachable_servers(load_config(), cache=False) as config:
            user = run(_create_admin(config, username, password))
    click.echo(f"Created the admin {user.username}. Sign in with POST /auth/login.")


def _credentials(username: str | None, *, password_stdin: bool) -> tuple[str, str]:
    if not password_stdin:
        name = username or click.prompt("Username", type=str)
        return name, click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
    if username is None:
        raise click.ClickException("A password from the input needs a name: add --username.")
    # Only the end of the line is taken off: spaces belong to the password.
    return username, sys.stdin.readline().removesuffix("\n").removesuffix("\r")


async def _create_admin(config: Config, username: str, password: str) -> User:
    await migrate(config.db_connection_string)
    pool = await open_pool(config.db_connection_string)
    auth = AuthService(pool=pool, clock=Clock(), settings=auth_settings(config))
    try:
        return await auth.create_user(username, password, Role.ADMIN)
    finally:
        auth.close()
        await close_pool(pool)
