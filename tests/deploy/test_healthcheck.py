"""What a container's engine is told of a service that lives, hangs, fails, is gone, or has a certificate."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app_extensions.certificate import HTTP_1, Certificate
from config import Config
from scripts import healthcheck
from tests.deploy.files import ROOT
from tests.launcher.authority import Authority

STATUSES = {200: b"OK", 503: b"Service Unavailable"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Config], "asyncio.Future[bool]"]:
    monkeypatch.setattr(healthcheck, "TIMEOUT_S", 0.3)
    return lambda config: asyncio.get_running_loop().run_in_executor(None, healthcheck.lives, config)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return Authority(tmp_path / "authority").issue()


async def served(status: int | None, certificate: Certificate | None = None) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if status is not None and head.startswith(b"GET /live HTTP/1.1"):
            writer.write(b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n" % (status, STATUSES[status]))
        await reader.read()  # until the one who asks has gone
        writer.close()

    context = certificate.context() if certificate else None
    return await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)


@pytest.mark.parametrize("status", [200, 503, None])
async def test_only_a_service_that_answers_lives(
    asked: Callable[[Config], "asyncio.Future[bool]"], status: int | None
) -> None:
    async with await served(status) as server:
        port = server.sockets[0].getsockname()[1]
        assert await asked(Config(host="0.0.0.0", port=port)) is (status == 200)
    assert await asked(Config(host="127.0.0.1", port=port)) is False


async def test_a_certificate_is_no_hindrance(
    asked: Callable[[Config], "asyncio.Future[bool]"], settings: dict[str, str]
) -> None:
    certificate = Certificate(settings["CERTFILE"], settings["KEYFILE"], HTTP_1)
    async with await served(200, certificate) as server:
        port = server.sockets[0].getsockname()[1]
        names = {"certfile": settings["CERTFILE"], "keyfile": settings["KEYFILE"]}
        assert await asked(Config(port=port, **names)) is True
        assert await asked(Config(port=port)) is False


def test_settings_that_are_not_right_are_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "a door")
    assert healthcheck.main() == 1
    assert capsys.readouterr().err.startswith("PORT must be")


def test_it_loads_nothing_of_the_service() -> None:
    # It runs twice a minute beside the service, on the service's processor.
    heavy = {"quart", "ccxt", "asyncpg", "numpy", "pydantic"}
    code = f"import sys, scripts.healthcheck; sys.exit(bool({heavy!r} & set(sys.modules)))"
    asked = subprocess.run([sys.executable, "-c", code], check=False, timeout=30, cwd=ROOT)
    assert asked.returncode == 0
