"""The image, as far as it can be known without an engine: what is in it, who runs it, that it is enough."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app_extensions.embedded import EmbeddedAddresses
from app_extensions.embedded_postgres import STOP_TIMEOUT_S as POSTGRES_TIMEOUT_S
from app_extensions.embedded_valkey import STOP_TIMEOUT_S as VALKEY_TIMEOUT_S
from app_extensions.server_workers import STOP_TIMEOUT_S as WORKERS_TIMEOUT_S
from config import declared_settings
from tests.databases import database_beside
from tests.deploy.files import ROOT, copied, image_environment, instructions, said
from tests.docs.shell import commands
from tests.launcher.conftest import Service

GOOD_SECRET = "q7-Vb2!xLr9mZ0tYc4sKd8wHf1gJn5pE"
LOCKED = ("requirements.txt", "requirements-extras.txt")
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def test_it_is_run_by_somebody_without_rights_and_told_to_stop_politely() -> None:
    assert said("USER") == ["10001:10001"]  # Kubernetes can check a number only
    assert "--uid 10001" in " ".join(said("RUN"))  # PostgreSQL wants a name to it
    assert said("STOPSIGNAL") == ["SIGTERM"]
    assert said("ENTRYPOINT") == []
    # As lists: a shell between would swallow the signal.
    assert json.loads(said("CMD")[0]) == ["python", "app.py"]
    check = said("HEALTHCHECK")[0].partition(" CMD ")[2]
    assert json.loads(check) == ["python", "-m", "scripts.healthcheck"]


def test_with_servers_of_its_own_it_is_given_the_time_to_stop_all_of_them() -> None:
    page = commands((ROOT / "docs/deployment.md").read_text())
    (words,) = [command.words for command in page if command.words[:2] == ["docker", "run"]]
    given_s = int(words[words.index("--stop-timeout") + 1])
    assert given_s > WORKERS_TIMEOUT_S + POSTGRES_TIMEOUT_S + VALKEY_TIMEOUT_S


def test_its_packages_are_the_locked_ones_and_nothing_is_compiled_from_source() -> None:
    (install,) = [
        rest for word, rest in instructions() if word == "RUN" and "venv/bin/python install" in rest
    ]
    options = shlex.split(install)
    assert {"--require-hashes", "--no-deps"} <= set(options)
    assert options[options.index("--only-binary") + 1] == ":all:"
    assert Path(options[options.index("--requirement") + 1]).name == "${REQUIREMENTS}"
    assert ("ARG", "REQUIREMENTS=requirements.txt") in instructions()
    assert ("COPY", f"{' '.join(LOCKED)} /build/") in instructions()
    everything = " ".join(rest for _, rest in instructions())
    assert not [word for word in ("apt-get", "apk ", "curl", "gcc", "build-essential") if word in everything]


def test_its_base_has_a_version_and_its_environment_holds_settings_and_no_secret() -> None:
    given = dict(rest.partition("=")[::2] for word, rest in instructions() if word == "ARG" and "=" in rest)
    base = given["PYTHON"]
    assert base.partition(":")[2][:1].isdigit()
    settings = {field.metadata["name"]: field for field in declared_settings()}
    environment = image_environment()
    ours = {name: text for name, text in environment.items() if not name.startswith(("PATH", "PYTHON"))}
    assert set(ours) <= set(settings)
    assert not [name for name in ours if "SECRET" in name or "KEY" in name or "CONNECTION" in name]
    for name, text in ours.items():
        assert str(settings[name].metadata["read"](text)) == text


def test_only_what_is_named_goes_in() -> None:
    assert next(line for line in IGNORED if line and not line.startswith("#")) == "*"
    named = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    sources = {source for source, _ in copied()} | set(LOCKED)
    assert named == sources
    assert all((ROOT / source).exists() for source in sources)


@pytest.fixture
def unpacked(tmp_path: Path) -> Iterator[Path]:
    """The files of the image, and no others, in a directory that nobody may write to."""
    app = tmp_path / "app"
    app.mkdir()
    for source, target in copied():
        place = app / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)
    for path in [app, *app.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    yield app
    for path in [app, *app.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)


def test_what_goes_in_is_enough_and_is_never_written_to(
    unpacked: Path, tmp_path: Path, servers: EmbeddedAddresses, template: str
) -> None:
    def healthy(port: int) -> int:
        asked = subprocess.run(
            [sys.executable, "-m", "scripts.healthcheck"],
            cwd=unpacked,
            env=environment | {"PORT": str(port), "PATH": os.environ["PATH"]},
            timeout=30,
            check=False,
        )
        return asked.returncode

    assert servers.db_connection_string
    assert servers.redis_url
    before = {path: path.stat().st_mtime_ns for path in [unpacked, *unpacked.rglob("*")]}
    environment = image_environment() | {
        "SECRET_KEY": GOOD_SECRET,
        "DB_CONNECTION_STRING": database_beside(servers.db_connection_string, template),
        "REDIS_URL": servers.redis_url,
        "PYTHONPATH": str(unpacked),
        "VAR_DIR": str(tmp_path / "var"),
        "HOST": "127.0.0.1",
        "METRICS_PORT": "0",
        "PATH": os.environ["PATH"],
    }
    service = Service(unpacked / "app.py", environment | {"PORT": "0"}, tmp_path)
    try:
        service.wait_until_said("To stop it, press Ctrl-C.")
        for path in (
            "/health",
            "/market/get_exchanges?market=simulated",
            "/docs/problems",
            "/docs/versioning",
            "/",
        ):
            with urllib.request.urlopen(service.url + path, timeout=20) as answer:
                assert answer.status == 200, path
        port = service.address[1]
        assert healthy(port) == 0
        assert service.stop() == 0
        assert healthy(port) == 1
    finally:
        service.process.kill()
        service.process.wait()
    assert "Traceback" not in service.complained
    assert {path: path.stat().st_mtime_ns for path in [unpacked, *unpacked.rglob("*")]} == before
