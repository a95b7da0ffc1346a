"""Commands of the documents that no other test runs: each as it is written there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import load_config
from tests.cli.quart import run_quart
from tests.databases import create_database
from tests.docs.reading import ROOT, blocks
from tests.embedded.processes import wait_for
from utils.signing_secret import SECRET_BYTES_MIN

READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 40
SECRET_KEY = "a-key-that-only-the-tests-know-0123456789"


def command_with(words: str) -> str:
    """Return the one line of the documents that holds these words."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    lines = {
        line
        for page in pages
        for block in blocks(page.read_text())
        if block.language == "bash"
        for line in block.text.splitlines()
        if words in line
    }
    (line,) = lines
    return line


def run_in_shell(line: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as somebody has it who has started it once: its environment is there and up to date."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in (".venv", "var", ".git", ".env", "start.sh"):
            (folder / entry.name).symlink_to(entry)
    (folder / "start.sh").write_bytes((ROOT / "start.sh").read_bytes())
    (folder / "start.sh").chmod(0o755)
    environment = folder / ".venv"
    environment.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith(("installed-", "unfinished")):
            (environment / entry.name).symlink_to(entry)
    with (folder / "requirements.txt").open("rb") as lock:
        stamp = subprocess.run(["cksum"], stdin=lock, capture_output=True, text=True, check=True).stdout
    (environment / "installed-service").write_text(stamp)
    return folder


def test_start_sh_starts_the_service_of_an_environment_that_is_there(
    checkout: Path, dsn: str, redis_url: str
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(checkout),
        "ENV": "test",
        "SECRET_KEY": SECRET_KEY,
        "PORT": "0",
        "VAR_DIR": str(checkout / "var"),
        "DB_CONNECTION_STRING": dsn,
        "REDIS_URL": redis_url,
    }
    out = checkout / "said.txt"
    with out.open("wb") as said:
        process = subprocess.Popen(
            ["./start.sh"], cwd=checkout, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        wait_for(
            lambda: "To stop it, press Ctrl-C." in out.read_text() or process.poll() is not None,
            timeout_s=READY_TIMEOUT_S,
            what="the service",
        )
        assert process.poll() is None, out.read_text()
    finally:
        process.terminate()
        ended = process.wait(STOP_TIMEOUT_S)
    assert ended == 0
    assert "Installing" not in out.read_text()


def test_the_example_of_settings_changes_none(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_bytes((ROOT / ".env.example").read_bytes())
    run_in_shell(command_with("cp .env.example"), tmp_path)
    named = {"ENV": "test", "SECRET_KEY": SECRET_KEY}
    copied = load_config(named, dotenv=tmp_path / ".env")
    # The file's own text is kept for plugins of guests; it names nothing.
    assert dict(copied.outside) == named
    assert copied == load_config(named, dotenv=None)


def test_the_secret_that_is_made_is_good_enough_for_production() -> None:
    line = command_with("import secrets").replace(".venv/bin/python", sys.executable)
    first, second = (run_in_shell(line, ROOT).strip() for _ in range(2))
    assert first != second
    assert len(first.encode()) >= SECRET_BYTES_MIN
    assert load_config({"ENV": "production", "SECRET_KEY": first}, dotenv=None).secret_key == first


async def test_migrate_brings_an_empty_database_up_to_date(empty_dsn: str, tmp_path: Path) -> None:
    shown_dsn = await create_database(empty_dsn, "shown_migrate")
    environment = {
        "PATH": os.environ["PATH"],
        "ENV": "test",
        "SECRET_KEY": SECRET_KEY,
        "VAR_DIR": str(tmp_path / "var"),
        "DB_CONNECTION_STRING": shown_dsn,
        "REDIS_URL": "",
    }
    first = await run_quart(environment, "migrate")
    again = await run_quart(environment, "migrate")
    lines = first.out.splitlines()
    assert (first.exit_code, first.err) == (0, "")
    assert len(lines) > 5
    assert all(line.startswith("Applied ") for line in lines[:-1])
    assert (lines[-1], again.out) == ("The database is up to date.", "The database is up to date.\n")
