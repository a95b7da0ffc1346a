"""What every command needs: a database, perhaps a cache, and sentences for what fails.

Commands work while the service runs and while it does not, with servers of one's own and with the embedded
ones.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, NoReturn, TypeVar

import click

from app_extensions.embedded import EmbeddedError, embedded_servers, running_addresses
from app_extensions.migrations import MigrationError
from config import Config, ConfigError
from plugins import PluginLoadError
from services.backups.manifest import BackupError
from services.stores.losses import DATABASE_AWAY
from utils.errors import AppError

T = TypeVar("T")


@contextlib.contextmanager
def reachable_servers(config: Config, *, database: bool = True, cache: bool) -> Iterator[Config]:
    """Yield the settings with the addresses of servers that run, started for the block where none did.

    Those not asked for are not started. Raises: EmbeddedError.
    """
    beside = running_addresses(config.var_dir)
    if beside is not None:
        config = dataclasses.replace(
            config,
            db_connection_string=config.db_connection_string or beside.db_connection_string or "",
            redis_url=config.redis_url or beside.redis_url or "",
        )
    missing = {
        "postgres": database and not config.db_connection_string,
        "valkey": cache and not config.redis_url,
    }
    with embedded_servers(config.var_dir, **missing, say=click.echo) as started:
        yield dataclasses.replace(
            config,
            db_connection_string=config.db_connection_string or started.db_connection_string or "",
            redis_url=config.redis_url or started.redis_url or "",
        )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; what the database refuses becomes a sentence of click's."""
    try:
        return asyncio.run(work)
    except DATABASE_AWAY as error:
        _fail_for_database(error)


def _fail_for_database(error: Exception) -> NoReturn:
    # What the system says of a connection is for programmers; what PostgreSQL says is a sentence.
    reason = "it does not answer" if isinstance(error, OSError) else str(error).splitlines()[0]
    raise click.ClickException(
        f"The database cannot be used: {reason}. Check DB_CONNECTION_STRING, and that the server runs."
    ) from error


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """Turn the errors of the block into one sentence and exit code 1, as click does with its own."""
    try:
        yield
    except AppError as error:
        raise click.ClickException(error.detail) from error
    except (BackupError, ConfigError, EmbeddedError, MigrationError, PluginLoadError) as error:
        raise click.ClickException(str(error)) from error


def hush_logs() -> None:
    """Write no log lines: what a person has to know is said in sentences, and a moving line stays whole."""
    logging.getLogger().addHandler(logging.NullHandler())
