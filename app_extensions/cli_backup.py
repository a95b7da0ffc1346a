"""The commands ``quart backup``, ``quart restore`` and ``quart move-database``."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click

from app_extensions.cli_cache import forget_answers
from app_extensions.cli_servers import hush_logs, reachable_servers, run, sentences
from app_extensions.cli_values import DATABASE
from app_extensions.database_copies import (
    Moved,
    back_up,
    move_database,
    refuse_unknown_schema,
    restore_into,
)
from app_extensions.stop_signals import stopped_as_by_ctrl_c
from config import load_config
from services.backups.archive import read_backup
from utils.clock import Clock
from utils.spoken import counted, utc_text

EXIT_INTERRUPTED = 130
# A screen reader reads every line to its end: few lines, and none without news.
LINE_EVERY_S = 5.0
MEGABYTE = 1_000_000
AS_IT_WAS = "Stopped. The database is as it was."
FILE = click.Path(dir_okay=False, path_type=Path)


class SizeTeller:
    """Say now and then how much of a table was copied, in plain sentences."""

    def __init__(self, stream: TextIO, now_s: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now_s = now_s
        self._told_s = now_s()
        self._sizes: dict[str, int] = {}

    def __call__(self, table: str, size: int) -> None:
        """Take note of some bytes of a table."""
        self._sizes[table] = self._sizes.get(table, 0) + size
        if self._now_s() - self._told_s < LINE_EVERY_S:
            return
        self._told_s = self._now_s()
        self._stream.write(f"{_megabytes(self._sizes[table])} of {table} so far.\n")
        self._stream.flush()


@click.command("backup")
@click.argument("file", type=FILE)
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there already.")
def backup_command(file: Path, *, overwrite: bool) -> None:
    """Write the whole database to a file, whether the service runs or not.

    For example: quart backup /var/backups/accessibletrader.zip
    """
    hush_logs()
    try:
        with stopped_as_by_ctrl_c(), sentences(), reachable_servers(load_config(), cache=False) as config:
            told = SizeTeller(sys.stdout)
            manifest = run(
                back_up(config.db_connection_string, file, Clock(), overwrite=overwrite, told=told)
            )
    except KeyboardInterrupt:
        click.echo("Stopped. No backup was written.")
        sys.exit(EXIT_INTERRUPTED)
    filled = sum(copy.digest.rows > 0 for copy in manifest.tables)
    click.echo(
        f"Backed up {counted(manifest.rows, 'row')} of {counted(filled, 'table')}, "
        f"as they were at {utc_text(manifest.made_at_ms)}, to {file}: {_megabytes(file.stat().st_size)}."
    )
    click.echo("It holds hashes of passwords, so keep it safe. SECRET_KEY and other settings are not in it.")


@click.command("restore")
@click.argument("file", type=FILE)
@click.option(
    "--into-empty-only/--replace",
    default=True,
    show_default=True,
    help="Refuse a database that holds anything, or replace everything it holds.",
)
def restore_command(file: Path, *, into_empty_only: bool) -> None:
    """Fill the database from a backup; the service has to be stopped.

    For example: quart restore /var/backups/accessibletrader.zip
    """
    hush_logs()
    try:
        with stopped_as_by_ctrl_c(), sentences(), read_backup(file) as reader:
            manifest = reader.manifest
            refuse_unknown_schema(manifest)
            click.echo(
                f"The backup is whole: {counted(manifest.rows, 'row')} with schema {manifest.version}, "
                f"as they were at {utc_text(manifest.made_at_ms)}."
            )
            with reachable_servers(load_config(), cache=False) as config:
                told = SizeTeller(sys.stdout)
                replace = not into_empty_only
                applied = run(restore_into(config.db_connection_string, reader, replace=replace, told=told))
    except KeyboardInterrupt:
        click.echo(AS_IT_WAS)
        sys.exit(EXIT_INTERRUPTED)
    click.echo(f"Restored {counted(manifest.rows, 'row')}; every table holds what it held then.")
    for name in applied:
        click.echo(f"Applied {name}.")
    forget_answers(load_config())
    click.echo("Start the service.")


@click.command("move-database")
@click.argument("address", type=DATABASE, metavar="TO")
def move_database_command(address: str) -> None:
    """Copy everything into an empty PostgreSQL or TimescaleDB; the service has to be stopped.

    For example: quart move-database postgresql://trader@db.example.org/trader
    """
    hush_logs()
    try:
        with stopped_as_by_ctrl_c(), sentences(), reachable_servers(load_config(), cache=False) as config:
            moved = run(move_database(config.db_connection_string, address, SizeTeller(sys.stdout)))
    except KeyboardInterrupt:
        click.echo(AS_IT_WAS)
        sys.exit(EXIT_INTERRUPTED)
    _tell_of_move(moved)


def _tell_of_move(moved: Moved) -> None:
    filled = [copy for copy in moved.tables if copy.digest.rows]
    for copy in filled:
        rows = f"{counted(copy.digest.rows, 'row')} with the checksum {copy.digest.checksum}"
        click.echo(f"{copy.table.name}: {rows}, the same at both ends.")
    empty = len(moved.tables) - len(filled)
    moved_rows = counted(sum(copy.digest.rows for copy in filled), "row")
    are_empty = f"{counted(empty, 'table')} {'is' if empty == 1 else 'are'} empty at both ends"
    click.echo(f"Moved {moved_rows} of {counted(len(filled), 'table')}. {are_empty}.")
    if moved.timescale:
        click.echo("The new database has TimescaleDB: bars and prices of coins are compressed there.")
    else:
        click.echo("The new database has no TimescaleDB that can be used, and keeps plain tables.")
    click.echo(
        "Now set DB_CONNECTION_STRING to the new address, and start the service. "
        "The old database was left as it is."
    )


def _megabytes(size: int) -> str:
    return f"{max(size / MEGABYTE, 0.1):,.1f} megabytes"
