"""The commands, run as people run them: ``quart create-admin`` in a process of its own."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from app_extensions.embedded import embedded_servers, running_addresses
from services.auth_service import AuthService, AuthSettings
from tests.cli.quart import DEADLINE_S, Outcome, quart_at_terminal, run_here, run_quart
from utils.accounts import Role
from utils.clock import Clock

PASSWORD = "a horse in a field of corn"
USERNAME_RULE = (
    "The username the root does not fit. Use 3 to 64 letters from a to z, digits, dots, hyphens, "
    "underscores, at or plus signs, and begin with a letter or digit."
)


def is_empty(directory: Path) -> bool:
    return not any(directory.iterdir())


async def create_root(environment: dict[str, str], username: str = "root") -> Outcome:
    arguments = ("create-admin", "--username", username, "--password-stdin")
    return await run_quart(environment, *arguments, typed=PASSWORD + "\n")


async def create_root_here(environment: dict[str, str], username: str = "root") -> Outcome:
    arguments = ("create-admin", "--username", username, "--password-stdin")
    return await run_here(environment, *arguments, typed=PASSWORD + "\n")


async def role_by_password(dsn: str, username: str, password: str) -> Role:
    settings = AuthSettings(("any secret",), access_token_life_s=60, session_life_s=60)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        auth = AuthService(pool=pool, clock=Clock(), settings=settings)
        pair = await auth.sign_in(username, password)
        principal = await auth.authenticate(pair.access_token)
        auth.close()
        return principal.role


async def test_an_admin_made_by_a_script_can_sign_in(environment: dict[str, str], dsn: str) -> None:
    outcome = await create_root(environment | {"DB_CONNECTION_STRING": dsn})

    assert outcome == Outcome(0, "Created the admin root. Sign in with POST /auth/login.\n", "")
    assert await role_by_password(dsn, "root", PASSWORD) is Role.ADMIN


async def test_a_name_that_is_taken_is_one_sentence_and_exit_code_1(
    environment: dict[str, str], dsn: str
) -> None:
    environment["DB_CONNECTION_STRING"] = dsn
    await create_root_here(environment)

    outcome = await create_root_here(environment, "ROOT")

    assert outcome == Outcome(1, "", "Error: There is already a user named ROOT. Choose another name.\n")


async def test_spaces_belong_to_the_password_and_the_line_end_does_not(
    environment: dict[str, str], dsn: str
) -> None:
    environment["DB_CONNECTION_STRING"] = dsn
    arguments = ("create-admin", "--username", "root", "--password-stdin")

    outcome = await run_quart(environment, *arguments, typed=f"  {PASSWORD}é \r\nanother line\n")

    assert outcome.exit_code == 0
    assert await role_by_password(dsn, "root", f"  {PASSWORD}é ") is Role.ADMIN


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (
            ("--username", "root", "--password-stdin"),
            "too short\n",
            "The password is too short. Use at least 15 characters; a sentence does.",
        ),
        (
            ("--username", "root", "--password-stdin"),
            "",
            "The password is too short. Use at least 15 characters; a sentence does.",
        ),
        (
            ("--username", "the root", "--password-stdin"),
            PASSWORD,
            USERNAME_RULE,
        ),
        (
            ("--password-stdin",),
            PASSWORD,
            "A password from the input needs a name: add --username.",
        ),
    ],
)
async def test_what_does_not_fit_is_said_before_any_server_starts(
    environment: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], typed: str, sentence: str
) -> None:
    outcome = await run_here(environment, "create-admin", *arguments, typed=typed)

    assert outcome == Outcome(1, "", f"Error: {sentence}\n")
    assert is_empty(tmp_path)


async def test_a_database_that_does_not_answer_is_one_sentence(environment: dict[str, str]) -> None:
    environment["DB_CONNECTION_STRING"] = "postgresql://somebody:a-secret@127.0.0.1:1/nothing"

    for arguments in (("migrate",), ("create-admin", "--username", "root", "--password-stdin")):
        outcome = await run_here(environment, *arguments, typed=PASSWORD)

        assert (outcome.exit_code, outcome.out) == (1, "")
        assert outcome.err == (
            "Error: The database cannot be used: it does not answer. "
            "Check DB_CONNECTION_STRING, and that the server runs.\n"
        )


async def test_without_a_service_the_embedded_database_is_started_and_stopped(
    environment: dict[str, str],
) -> None:
    first = await create_root(environment)
    second = await create_root(environment)

    assert (first.exit_code, first.err) == (0, "")
    assert first.out.endswith("Created the admin root. Sign in with POST /auth/login.\n")
    # The second run finds what the first has stored.
    assert (second.exit_code, second.err) == (
        1,
        "Error: There is already a user named root. Choose another name.\n",
    )
    assert await asyncio.to_thread(running_addresses, Path(environment["VAR_DIR"])) is None


async def test_beside_a_running_service_its_embedded_database_is_used(environment: dict[str, str]) -> None:
    with embedded_servers(
        Path(environment["VAR_DIR"]), postgres=True, valkey=False, durable=False
    ) as addresses:
        dsn = addresses.db_connection_string
        assert dsn is not None
        migrated = await run_quart(environment, "migrate")
        again = await run_here(environment, "migrate")
        created = await create_root_here(environment)

        assert "Applied 0002_accounts.\n" in migrated.out
        assert again == Outcome(0, "The database is up to date.\n", "")
        assert created == Outcome(0, "Created the admin root. Sign in with POST /auth/login.\n", "")
        assert await role_by_password(dsn, "root", PASSWORD) is Role.ADMIN


async def test_a_typed_password_is_asked_for_twice_and_never_shown(
    environment: dict[str, str], dsn: str
) -> None:
    environment["DB_CONNECTION_STRING"] = dsn
    async with quart_at_terminal(environment, "create-admin") as (process, terminal):
        for prompt, answer in (
            ("Username: ", "root"),
            ("Password: ", PASSWORD),
            ("The same again: ", "a slip of the fingers"),
            ("Password: ", PASSWORD),
            ("The same again: ", PASSWORD),
        ):
            await terminal.until(prompt)
            terminal.type(answer)
        await terminal.until("Created the admin root.")
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == 0

    assert "root" in terminal.shown
    assert PASSWORD not in terminal.shown
    assert await role_by_password(dsn, "root", PASSWORD) is Role.ADMIN
