"""Accounts of a first run: a link while nobody is an admin, demo users only when they are asked for."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from quart import Quart
from quart.testing import QuartClient
from quart.testing.app import TestApp as ServedApp

from app import create_app
from app_extensions.first_accounts import DEMO_USERS, prepare_accounts
from config import Config
from middleware.context import EXTENSION
from services.first_admin import TOKEN_LIFE_S, is_first_admin_token, make_first_admin_token
from tests.policy.source import ROOT
from utils.clock import Clock

PASSWORD = "a horse in a field of corn"
NOW_MS = 1_795_000_000_000


@pytest.fixture
def development(config: Config) -> Config:
    return replace(config, env="development")


@pytest.fixture
async def started(development: Config) -> AsyncIterator[Quart]:
    app = create_app(development, Clock(now_ms=lambda: NOW_MS))
    async with ServedApp(app):
        yield app


@pytest.fixture
def visitor(started: Quart) -> QuartClient:
    return started.test_client()


def path(config: Config, now_s: int = NOW_MS // 1000) -> str:
    return f"/auth/first-admin?token={make_first_admin_token(config.secret_key, now_s)}"


async def submit(
    visitor: QuartClient, config: Config, username: str, password: str = PASSWORD
) -> tuple[int, str]:
    token = make_first_admin_token(config.secret_key, NOW_MS // 1000)
    form = {"token": token, "username": username, "password": password}
    response = await visitor.post("/auth/first-admin", form=form)
    return response.status_code, await response.get_data(as_text=True)


async def users_of(pool: asyncpg.Pool) -> dict[str, str]:
    rows = await pool.fetch("SELECT username, role FROM app_user ORDER BY username")
    return {row["username"]: row["role"] for row in rows}


async def test_nobody_is_made_unless_asked_for(development: Config, pool: asyncpg.Pool) -> None:
    accounts = await prepare_accounts(development, demo=False)
    assert accounts.sentences == ()
    assert await users_of(pool) == {}


async def test_demo_users_get_passwords_that_work_and_are_said_once(
    development: Config, pool: asyncpg.Pool, visitor: QuartClient
) -> None:
    accounts = await prepare_accounts(development, demo=True)
    assert await users_of(pool) == {name: role.value for name, role in DEMO_USERS.items()}
    for sentence in accounts.sentences:
        name, password = re.fullmatch(r"The demo user (\S+) has the password (\S+)", sentence).groups()
        response = await visitor.post("/auth/login", json={"username": name, "password": password})
        assert response.status_code == 200
        assert password not in repr(accounts)
    # One of them is an admin, so that there is no link any more.
    assert accounts.link_path is None
    again = await prepare_accounts(development, demo=True)
    assert all("is there already" in sentence for sentence in again.sentences)


@pytest.mark.parametrize("env", ["production", "test"])
async def test_the_link_is_given_in_development_only(config: Config, env: str) -> None:
    assert (await prepare_accounts(replace(config, env=env), demo=False)).link_path is None


def test_production_refuses_demo_users() -> None:
    environment = {"ENV": "production", "SECRET_KEY": "q7-Vb2!xLr9mZ0tYc4sKd8wHf1gJn5pE", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "app.py", "--demo"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "leave it out in production" in done.stderr


async def test_the_link_makes_an_admin_once(
    development: Config, pool: asyncpg.Pool, visitor: QuartClient
) -> None:
    page = await visitor.get(path(development))
    text = await page.get_data(as_text=True)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert '<html lang="en">' in text
    assert re.findall(r'<label for="(\w+)">', text) == ["username", "password"]
    status, text = await submit(visitor, development, "ada")
    assert (status, "You can sign in as ada" in text) == (201, True)
    assert await users_of(pool) == {"ada": "admin"}
    response = await visitor.post("/auth/login", json={"username": "ada", "password": PASSWORD})
    assert response.status_code == 200
    assert (await submit(visitor, development, "grace"))[0] == 409
    assert (await visitor.get(path(development))).status_code == 409
    assert await users_of(pool) == {"ada": "admin"}


async def test_of_ten_at_once_one_becomes_the_first_admin(
    development: Config, pool: asyncpg.Pool, started: Quart
) -> None:
    clients = [started.test_client() for _ in range(10)]
    outcomes = await asyncio.gather(
        *(submit(client, development, f"ada{number}") for number, client in enumerate(clients))
    )
    # Ten passwords are hashed at full cost; where the machine is busy, the last are asked to come again.
    statuses = [status for status, text in outcomes if '"code":"busy"' not in text]
    assert sorted(statuses) == [201] + [409] * (len(statuses) - 1)
    assert len(await users_of(pool)) == 1


async def test_what_was_wrong_is_said_beside_its_field(development: Config, visitor: QuartClient) -> None:
    for username, password, field in (
        ("a", PASSWORD, "username"),
        ('"><b>', PASSWORD, "username"),
        ("ada", "short", "password"),
    ):
        status, text = await submit(visitor, development, username, password)
        assert status == 422
        assert '<div role="alert">' in text
        assert re.search(f'<input id="{field}"[^>]*aria-invalid="true"', text)
        assert "<b>" not in text
        assert "short" not in re.sub(r"too short", "", text)


async def test_other_links_are_refused(development: Config, config: Config, visitor: QuartClient) -> None:
    now_s = NOW_MS // 1000
    for token, status in (
        (make_first_admin_token(development.secret_key, now_s - TOKEN_LIFE_S), 401),
        (make_first_admin_token("another secret", now_s), 401),
        ("", 401),
        ("x", 401),
        (f"{now_s + 10**6}.{'0' * 64}", 401),
    ):
        assert (await visitor.get(f"/auth/first-admin?token={token}")).status_code == status
    app = create_app(config)
    async with ServedApp(app):
        assert (await app.test_client().get(path(config))).status_code == 404
        assert app.extensions[EXTENSION].auth is not None


def test_a_token_is_good_for_an_hour() -> None:
    token = make_first_admin_token("secret", 1_795_000_000)
    assert is_first_admin_token(token, "secret", 1_795_000_000 + TOKEN_LIFE_S - 1)
    assert not is_first_admin_token(token, "secret", 1_795_000_000 + TOKEN_LIFE_S)
