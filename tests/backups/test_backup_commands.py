"""``quart backup``, ``restore`` and ``move-database``, run as people run them: said, refused, and killed."""

import asyncio
import json
import logging
import os
import re
import secrets
import signal
import zipfile
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result

from app import create_app
from app_extensions.cli_backup import SizeTeller, backup_command, move_database_command, restore_command
from app_extensions.cli_cache import NOT_FORGOTTEN
from app_extensions.embedded import embedded_servers
from app_extensions.migrations import known_tables, migrate
from app_extensions.redis_manager import open_redis
from config import Config
from services.answer_cache import AnswerCache
from services.answers import Answer, AnswerKey, Lasting
from services.auth_service import AuthService, AuthSettings
from services.upstream.optional_redis import OptionalRedis
from tests.backups.rows import MANY_BARS
from tests.backups.test_copies import assert_same, filled, restored, saved
from tests.cli.quart import DEADLINE_S, outcome_of, started_quart
from tests.databases import execute
from utils.accounts import Role
from utils.clock import Clock

SECRET_KEY = "a-key-that-only-the-tests-know-0123456789"
COMMANDS = {command.name: command for command in (backup_command, restore_command, move_database_command)}
PASSWORD = "canary: a horse in a field of corn"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ENV": "test",
        "SECRET_KEY": SECRET_KEY,
        "DB_CONNECTION_STRING": "",
        "REDIS_URL": "",
        "VAR_DIR": str(tmp_path / "var"),
    }


@pytest.fixture
def quart(environment: dict[str, str]) -> Iterator[Callable[..., Result]]:
    """Runs a command in this process, which is ten times as fast as in one of its own."""
    root = logging.getLogger()
    before = list(root.handlers)

    def run_command(dsn: str, name: str, *arguments: str | Path) -> Result:
        variables = environment | {"DB_CONNECTION_STRING": dsn}
        return CliRunner(env=variables).invoke(COMMANDS[name], [str(each) for each in arguments])

    yield run_command
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)


def test_the_commands_are_there(config: Config) -> None:
    assert COMMANDS.items() <= create_app(config).cli.commands.items()


def test_each_command_says_in_plain_sentences_what_it_did(
    quart: Callable[..., Result], full: str, empty: str, tmp_path: Path
) -> None:
    file = tmp_path / "kept.zip"
    tables = len(known_tables())

    backup = quart(full, "backup", file)
    assert (backup.exit_code, backup.stderr) == (0, "")
    said = re.fullmatch(
        rf"Backed up (\d+) rows of {tables} tables, as they were at \d{{4}}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC, "
        rf"to {file}: 0\.1 megabytes\.\n"
        r"It holds hashes of passwords, so keep it safe\. SECRET_KEY and other settings are not in it\.\n",
        backup.stdout,
    )
    assert said, backup.stdout
    again = quart(full, "backup", file)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == f"Error: {file} is there already. Choose another name, or add --overwrite.\n"
    assert quart(full, "backup", file, "--overwrite").exit_code == 0

    refused = quart(full, "restore", file)
    assert (refused.exit_code, refused.stdout.count("\n")) == (1, 1)
    assert refused.stderr.startswith("Error: The database to be filled holds something already, in ")

    moved = quart(full, "move-database", empty)
    assert (moved.exit_code, moved.stderr) == (0, "")
    lines = moved.stdout.splitlines()
    assert len(lines) == tables + 3
    assert "app_user: 2 rows with the checksum " in moved.stdout
    assert all(line.endswith(", the same at both ends.") for line in lines[:-3])
    assert lines[-3] == f"Moved {said[1]} rows of {tables} tables. 0 tables are empty at both ends."
    assert lines[-1].startswith("Now set DB_CONNECTION_STRING to the new address, and start the service.")

    replaced = quart(empty, "restore", file, "--replace")
    assert (replaced.exit_code, replaced.stderr) == (0, "")
    assert replaced.stdout.splitlines()[1:] == [
        f"Restored {said[1]} rows; every table holds what it held then.",
        "Start the service.",
    ]


def test_an_embedded_database_is_moved_and_kept(
    quart: Callable[..., Result], environment: dict[str, str], empty: str, tmp_path: Path
) -> None:
    with embedded_servers(tmp_path / "var", postgres=True, valkey=False, durable=False) as addresses:
        source = addresses.db_connection_string
        assert source
        asyncio.run(migrate(source))
        asyncio.run(execute(source, MANY_BARS.replace("150000", "1000")))
        # Settings name no database: it is the embedded one that is meant.
        moved = quart("", "move-database", empty)
        assert (moved.exit_code, moved.stderr) == (0, "")
        assert "bar: 1,000 rows with the checksum " in moved.stdout
        asyncio.run(assert_same(source, empty, tmp_path))
        assert quart("", "backup", tmp_path / "b.zip").exit_code == 0
    # Nothing runs there: the embedded PostgreSQL is made and started for the command, and stopped after it.
    environment["VAR_DIR"] = str(tmp_path / "other")
    tried = quart("", "restore", tmp_path / "b.zip")
    assert (tried.exit_code, tried.stderr) == (0, "")
    assert tried.stdout.endswith("; every table holds what it held then.\nStart the service.\n")


async def answered(redis_url: str) -> bytes:
    """Ask as a worker that has just been started; each answer that is made is another one."""

    async def make() -> Answer:
        return Answer(secrets.token_hex(4).encode(), "text/plain", Lasting.SETTLED, None)

    redis = open_redis(redis_url)
    cache = AnswerCache(OptionalRedis(redis, Clock().steady_s), Clock(), bytes_max=1_000)
    try:
        return (await cache.answer(AnswerKey("topic", "question"), make)).body
    finally:
        await cache.close()
        await redis.aclose()


def test_after_a_restore_no_answer_from_before_is_given(
    quart: Callable[..., Result],
    environment: dict[str, str],
    full: str,
    redis_url: str,
    tmp_path: Path,
) -> None:
    environment["REDIS_URL"] = redis_url
    assert quart(full, "backup", tmp_path / "b.zip").exit_code == 0
    before = asyncio.run(answered(redis_url))
    assert asyncio.run(answered(redis_url)) == before
    replaced = quart(full, "restore", tmp_path / "b.zip", "--replace")
    assert (replaced.exit_code, replaced.stderr) == (0, "")
    assert asyncio.run(answered(redis_url)) != before


def test_after_a_restore_no_answer_from_before_is_in_the_embedded_cache(
    quart: Callable[..., Result], full: str, tmp_path: Path
) -> None:
    assert quart(full, "backup", tmp_path / "b.zip").exit_code == 0

    def answered_there() -> bytes:
        with embedded_servers(tmp_path / "var", postgres=False, valkey=True) as addresses:
            return asyncio.run(answered(addresses.redis_url or ""))

    before = answered_there()
    replaced = quart(full, "restore", tmp_path / "b.zip", "--replace")
    assert (replaced.exit_code, replaced.stderr) == (0, "")
    assert answered_there() != before


def test_a_cache_that_cannot_be_told_of_a_restore_is_one_sentence(
    quart: Callable[..., Result], environment: dict[str, str], full: str, tmp_path: Path
) -> None:
    environment["REDIS_URL"] = "redis://127.0.0.1:1/0"
    assert quart(full, "backup", tmp_path / "b.zip").exit_code == 0
    replaced = quart(full, "restore", tmp_path / "b.zip", "--replace")
    assert (replaced.exit_code, replaced.stderr) == (0, f"{NOT_FORGOTTEN}\n")
    assert replaced.stdout.endswith("Start the service.\n")


@pytest.mark.parametrize("address", ["mysql://me:a-secret@db/x", "postgresql://me:a-secret@127.0.0.1:1/x"])
def test_an_address_that_cannot_be_used_is_told_without_its_password(
    quart: Callable[..., Result], dsn: str, address: str
) -> None:
    refused = quart(dsn, "move-database", address)
    assert refused.exit_code in (1, 2)
    assert "Error: " in refused.stderr
    assert "a-secret" not in refused.output


async def until(dsn: str, query: str) -> None:
    """Wait until a query on a database has a row."""
    watcher = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await watcher.fetch(query):
                await watcher.fetchval("SELECT pg_sleep(0.002)")
    finally:
        await watcher.close()


COPYING = """
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY "bar"%FROM STDIN%'
"""
NOBODY_ELSE = """
    SELECT WHERE NOT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'accessibletrader%'
    )
"""


@pytest.mark.parametrize("command", ["restore", pytest.param("move-database", marks=pytest.mark.long)])
async def test_a_killed_copy_leaves_the_target_empty_and_is_simply_done_again(
    environment: dict[str, str], full: str, empty: str, tmp_path: Path, command: str
) -> None:
    await execute(full, MANY_BARS)
    await saved(full, tmp_path / "b.zip")
    if command == "restore":
        environment["DB_CONNECTION_STRING"], argument = empty, str(tmp_path / "b.zip")
    else:
        environment["DB_CONNECTION_STRING"], argument = full, empty
    async with started_quart(environment, command, argument) as process:
        await until(empty, COPYING)
        process.kill()
        await process.wait()
    await until(empty, NOBODY_ELSE)
    assert await filled(empty) == ()

    await restored(tmp_path / "b.zip", empty)
    assert set(await filled(empty)) == set(known_tables())


LOCKED = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'relation'"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_backup_that_is_told_to_stop_leaves_no_file(
    environment: dict[str, str], full: str, tmp_path: Path, number: signal.Signals
) -> None:
    environment["DB_CONNECTION_STRING"] = full
    folder = tmp_path / "backups"
    folder.mkdir()
    holder = await asyncpg.connect(full)
    try:
        # The backup waits for this table, with its file begun.
        async with holder.transaction():
            await holder.execute("LOCK TABLE bar IN ACCESS EXCLUSIVE MODE")
            async with started_quart(environment, "backup", folder / "b.zip") as process:
                await until(full, LOCKED)
                process.send_signal(number)
                outcome = await outcome_of(process)
    finally:
        await holder.close()
    assert (outcome.exit_code, outcome.err) == (130, "")
    assert outcome.out.endswith("Stopped. No backup was written.\n")
    assert not list(folder.iterdir())


@pytest.mark.long
async def test_ctrl_c_leaves_the_database_as_it_was(
    environment: dict[str, str], full: str, empty: str, tmp_path: Path
) -> None:
    await execute(full, MANY_BARS)
    await saved(full, tmp_path / "b.zip")
    environment["DB_CONNECTION_STRING"] = empty
    async with started_quart(environment, "restore", tmp_path / "b.zip") as process:
        await until(empty, COPYING)
        process.send_signal(2)
        outcome = await outcome_of(process)
    assert (outcome.exit_code, outcome.err) == (130, "")
    assert outcome.out.endswith("Stopped. The database is as it was.\n")
    assert await filled(empty) == ()


async def test_no_secret_stands_in_a_backup_but_as_a_hash(
    dsn: str, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    settings = AuthSettings((SECRET_KEY,), access_token_life_s=60, session_life_s=60, bcrypt_cost=4)
    auth = AuthService(pool=pool, clock=Clock(), settings=settings)
    user = await auth.create_user("ada", PASSWORD, Role.ADMIN)
    first = await auth.sign_in("ada", PASSWORD)
    second = await auth.refresh(first.refresh_token)
    auth.close()
    await saved(dsn, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        text = b"".join(archive.read(name) for name in archive.namelist())
    assert user.username.encode() in text
    told = [PASSWORD, SECRET_KEY, first.access_token, first.refresh_token, second.refresh_token]
    for secret in [*told, first.access_token.split(".")[2], json.dumps(PASSWORD)]:
        assert secret.encode() not in text
        assert secret.encode().hex().encode() not in text


def test_a_long_copy_says_a_plain_sentence_now_and_then() -> None:
    now, stream = [0.0], StringIO()
    told = SizeTeller(stream, now_s=lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        told("bar", 1_500_000)
    assert stream.getvalue() == "9.0 megabytes of bar so far.\n16.5 megabytes of bar so far.\n"
