import errno
import os
from pathlib import Path

import pytest

from config import ConfigError, load_config
from utils.signing_secret import SECRET_BYTES_MIN

GOOD_SECRET = "q7-Vb2!xLr9mZ0tYc4sKd8wHf1gJn5pE"


def load(environ: dict[str, str], dotenv: Path | None = None):
    return load_config(environ, dotenv=dotenv)


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load(environ)
    return refusal.value.problems


def test_production_names_every_unsafe_setting_at_once():
    named = problems(
        {
            "ENV": "production",
            "SECRET_KEY": "short",
            "TRUSTED_ORIGINS": "https://a.example,*",
            "DEBUG": "true",
        }
    )
    assert [problem.split()[0] for problem in named] == ["SECRET_KEY", "TRUSTED_ORIGINS", "DEBUG"]


@pytest.mark.parametrize(
    ("secret", "word"),
    [
        ("", "missing"),
        ("x" * (SECRET_BYTES_MIN - 1), "short"),
        ("change-me-" * 5, "example"),
        ("a" * 64, "example"),
        ("my-secret-that-is-long-enough-to-pass", "example"),
    ],
)
def test_production_refuses_a_weak_secret(secret, word):
    (problem,) = problems({"ENV": "production", "SECRET_KEY": secret})
    assert word in problem
    assert not secret or secret not in problem


def test_production_refuses_an_example_password_of_the_database():
    environ = {
        "ENV": "production",
        "SECRET_KEY": GOOD_SECRET,
        "DB_CONNECTION_STRING": "postgresql://app:postgres@db/app",
    }
    (problem,) = problems(environ)
    assert problem.startswith("DB_CONNECTION_STRING")


@pytest.mark.parametrize(("present", "missing"), [("CERTFILE", "KEYFILE"), ("KEYFILE", "CERTFILE")])
def test_half_of_a_certificate_is_refused(present, missing):
    assert problems({present: "somewhere/secret-place.pem"}) == [
        f"{missing} is missing: {present} needs its other half."
    ]


def test_production_starts_with_safe_settings():
    config = load({"ENV": "production", "SECRET_KEY": GOOD_SECRET, "TRUSTED_ORIGINS": "https://a.example"})
    assert config.secret_key == GOOD_SECRET
    assert config.trusted_origins == ("https://a.example",)


@pytest.mark.parametrize(
    ("name", "text"),
    [("PORT", "70000"), ("PORT", "five"), ("WORKERS", "0"), ("ENV", "staging"), ("DEBUG", "maybe")],
)
def test_a_setting_that_does_not_fit_is_named(name, text):
    (problem,) = problems({name: text})
    assert problem.startswith(f"{name} must be ")


@pytest.mark.parametrize(
    "rest",
    [
        "u:Geheim#x@db/app",
        "u:Geheim?x@db/app",
        "u:Geheim/x@db/app",
        "u:Geheim@db:x/app",
        "u:Geheim@db:99999/app",
        "u:Geheim@[::1/app",
        "u:Geheim@a:1,b:x/app",
    ],
)
@pytest.mark.parametrize("name", ["DB_CONNECTION_STRING", "REDIS_URL"])
def test_an_address_that_cannot_be_read_is_refused_and_not_repeated(name, rest):
    scheme = {"DB_CONNECTION_STRING": "postgresql", "REDIS_URL": "redis"}[name]
    (problem,) = problems({name: f"{scheme}://{rest}"})
    assert problem.startswith(f"{name} must be an address whose port is a number")
    assert "%23" in problem
    assert "Geheim" not in problem


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DB_CONNECTION_STRING", "postgresql://u:Geheim%23x@a:5432,[::1]:5433,b/app"),
        ("DB_CONNECTION_STRING", "postgresql:///app?host=/var/run"),
        ("REDIS_URL", "redis://:Geheim@[::1]:6379/0"),
        ("REDIS_URL", "unix:///var/run/redis.sock?db=1"),
    ],
)
def test_every_kind_of_address_of_a_server_may_be_set(name, address):
    config = load({name: address})
    assert address in (config.db_connection_string, config.redis_url)


def test_development_makes_a_secret_and_keeps_it(tmp_path):
    environ = {"VAR_DIR": str(tmp_path / "var")}
    first, second = load(environ), load(environ)
    assert first.secret_key == second.secret_key
    assert len(first.secret_key.encode()) >= SECRET_BYTES_MIN
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o077 == 0
    assert load({"VAR_DIR": str(tmp_path / "other")}).secret_key != first.secret_key


def test_a_folder_that_cannot_keep_the_secret_is_told_in_a_sentence(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    (problem,) = problems({"VAR_DIR": str(file / "var")})
    assert problem == (
        f"VAR_DIR cannot keep a secret: {file / 'var'} may not be written (Not a directory). "
        "Set VAR_DIR to a folder that can be written, or set SECRET_KEY."
    )


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_links_keeps_the_secret_too(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    first = load({"VAR_DIR": str(tmp_path)})
    assert first.secret_key == load({"VAR_DIR": str(tmp_path)}).secret_key
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_the_environment_comes_before_the_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text("PORT=6001\nWORKERS=2\n")
    config = load({"PORT": "6002", "SECRET_KEY": GOOD_SECRET}, dotenv=file)
    assert (config.port, config.workers) == (6002, 2)


def test_a_guest_plugin_sees_its_own_settings_and_no_others():
    config = load({"SECRET_KEY": GOOD_SECRET, "VILLAGE_SIZE": "3", "OTHER_SIZE": "4"})
    assert config.plugin_settings("village") == {"VILLAGE_SIZE": "3"}


def test_a_secret_never_shows_in_a_repr():
    config = load({"SECRET_KEY": GOOD_SECRET, "DB_CONNECTION_STRING": "postgresql://app:hidden@db/app"})
    assert GOOD_SECRET not in repr(config)
    assert "hidden" not in repr(config)
