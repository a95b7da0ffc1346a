"""Secrets pushed through every route and every failure: none of them is in a log line or in an answer."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from quart.testing.connections import WebsocketResponseError
from werkzeug.datastructures import Headers

from app_extensions.logging_setup import LineHandler, setup_logging
from tests.attack.conftest import Household
from tests.attack.test_route_matrix import ROUTES, address
from tests.metrics.reading import own_page
from tests.socket_client import SocketClosedError

MARK = "canary0Zq"


@dataclass
class Lines:
    """What the service would have written, all of it and in its own form."""

    path: Path
    writer: Any = field(repr=False)

    def text(self) -> str:
        self.writer.close(5)
        return self.path.read_text()


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    root = logging.getLogger()
    level, before = root.level, list(root.handlers)
    yield Lines(path, setup_logging("DEBUG", json=True, descriptor=descriptor))
    for handler in [each for each in root.handlers if isinstance(each, LineHandler) and each not in before]:
        root.removeHandler(handler)
    root.setLevel(level)
    os.close(descriptor)


def canary(kind: str) -> str:
    return f"{MARK}-{kind}-of-a-sentence"


SECRET_HEADERS = {
    "basic": {"Authorization": f"Basic {canary('basic')}"},
    "bearer": {"Authorization": f"Bearer {canary('bearer')}"},
    "cookie": {"Cookie": f"session={canary('cookie')}"},
    "api key": {"X-Api-Key": canary("key")},
    "idempotency": {"Idempotency-Key": canary("idempotency")},
}
SECRET_BODY = {
    "username": "ada",
    "password": canary("password"),
    "current_password": canary("current"),
    "new_password": canary("new"),
    "refresh_token": canary("refresh"),
}
FIELDS = {
    "/login": ("username", "password"),
    "/register": ("username", "password"),
    "/refresh": ("refresh_token",),
    "/password": ("current_password", "new_password"),
}
# Line ends and escape sequences, as somebody would write them to forge a line.
FORGING = 'x\r\n{"level":"error","event":"forged"}\x1b[2J'


async def push(household: Household, token: str | None) -> list[str]:
    """Send every secret to every route, and return the answers that refuse."""
    client = household.app.test_client()
    refused = []
    for route, (_, socket) in ROUTES.items():
        method, path = address(route)
        path += f"?ticket={canary('ticket')}&access_token={canary('query')}&token={canary('link')}"
        for headers in SECRET_HEADERS.values():
            sent = dict(headers)
            if token and "Authorization" not in sent:
                sent["Authorization"] = f"Bearer {token}"
            if socket:
                try:
                    async with client.websocket(path, headers=Headers(sent)) as connection:
                        await connection.receive()
                except WebsocketResponseError as error:
                    refused.append((await error.response.get_data()).decode())
                continue
            names = next(
                (names for end, names in FIELDS.items() if path.partition("?")[0].endswith(end)), None
            )
            body = {name: SECRET_BODY[name] for name in names} if names else SECRET_BODY
            response = await client.open(
                path if method == "GET" else path.partition("?")[0],
                method=method,
                headers=sent | {"User-Agent": FORGING.replace("\r\n", " ")},
                scope_base=household.place(),
                **({} if method == "GET" else {"json": body}),
            )
            if response.status_code >= 400:
                refused.append(await response.get_data(as_text=True))
    return refused


async def hear_all(connection: Any, heard: list[str]) -> None:
    while True:
        heard.append(await connection.receive())


async def test_no_secret_is_in_a_log_line_or_in_a_refusal(household: Household, lines: Lines) -> None:
    pair = await household.pair("root")
    refused = [
        *await push(household, None),
        *await push(household, (await household.pair("ada")).access_token),
    ]
    client = household.app.test_client()
    async with client.websocket("/ws?market=simulated") as connection:
        for text in (
            {"type": "authenticate", "token": canary("command")},
            {"type": "subscribe", "symbols": [FORGING], "secret": canary("member")},
        ):
            await connection.send(json.dumps(text))
        with pytest.raises(SocketClosedError, match="3000"):
            await hear_all(connection, refused)
    logged = lines.text()
    assert len(refused) > 100
    assert [text for text in refused if MARK in text] == []
    assert [line for line in logged.splitlines() if MARK in line] == []
    measured = own_page().text
    assert "http_request_duration_seconds_bucket" in measured
    assert MARK not in measured
    secrets = (pair.access_token, pair.refresh_token, household.secret_key)
    assert [secret for secret in secrets if secret in logged] == []


async def test_no_secret_of_a_failure_is_told_to_anybody(
    household: Household, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = household.house
    texts = [
        f"could not connect to postgresql://app:{canary('dsn')}@db/app",
        f"refused: Authorization: Bearer {canary('inner')}",
        f"password={canary('inner')} secret_key='{canary('inner')}' token: {canary('inner')}",
    ]
    client = household.app.test_client()
    for text in texts:

        async def fail(*_: object, text: str = text, **__: object) -> None:
            raise RuntimeError(text)

        monkeypatch.setattr(house.auth, "sign_in", fail)
        body = {"username": "ada", "password": canary("password")}
        response = await client.post("/auth/login", json=body, scope_base=household.place())
        answer = await response.get_data(as_text=True)
        assert response.status_code == 500
        assert MARK not in answer
        assert "RuntimeError" not in answer
    logged = lines.text()
    assert logged.count("request failed") >= len(texts)
    assert [line for line in logged.splitlines() if MARK in line] == []


async def test_nobody_forges_a_line_or_drives_a_terminal(household: Household, lines: Lines) -> None:
    client = household.app.test_client()
    paths = ["/%0d%0aforged", "/%1b%5b2J", "/\u202eforged", "/" + "x" * 5_000]
    for path in paths:
        await client.get(path, headers={"User-Agent": "x\x1b[2J", "X-Request-ID": "forged forged forged"})
    written = lines.text()
    for line in written.splitlines():
        assert isinstance(json.loads(line), dict)
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert "forged forged" not in written
    assert written.count("request answered") == len(paths)


def test_settings_and_services_say_no_secret_of_theirs(household: Household) -> None:
    house = household.house.auth
    shown = "".join(repr(vars(part)) for part in (house, house.accounts, house.tickets, house.sessions))
    assert household.secret_key not in shown
