"""``quart listen`` beside a running service: lines, breaks, alerts, speech, and how it ends."""

import asyncio
import json
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app_extensions.embedded import EmbeddedAddresses
from tests.cli.quart import DEADLINE_S, QUART, outcome_of, run_here, started_quart
from tests.databases import database_beside
from tests.launcher.conftest import APP, STOP_TIMEOUT_S, Service

NAME = "ada-who-listens"
# Enough for what had been printed before the break, the catch-up, and something after it.
LINES_AFTER_BREAK = 3
PASSWORD = "a horse in a field of corn"
ALERT = {
    "market": "simulated",
    "symbol": "BTC/USD",
    "timeframe": "1s",
    "kind": "percent_in_window",
    "percent": "0.00001",
    "window_s": 60,
}


class Services:
    """One service after the other, at one address."""

    def __init__(self, settings: dict[str, str], home: Path) -> None:
        self._settings = settings
        self._home = home
        self.running: Service

    def start(self, port: int) -> None:
        self.running = Service(APP, self._settings | {"PORT": str(port)}, self._home)
        self.running.wait_until_said("To stop it, press Ctrl-C.")

    def stop(self) -> None:
        self.running.process.terminate()
        self.running.process.wait(STOP_TIMEOUT_S)


@pytest.fixture(scope="module")
def served_dsn(servers: EmbeddedAddresses, template: str) -> str:
    """A database that nobody empties."""
    assert servers.db_connection_string
    return database_beside(servers.db_connection_string, template)


@pytest.fixture(scope="module")
def services(
    servers: EmbeddedAddresses, served_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """The service on the servers of the tests."""
    assert servers.redis_url
    home = tmp_path_factory.mktemp("services")
    settings = {
        "ENV": "test",
        "SECRET_KEY": "a-key-that-only-the-tests-know-0123456789",
        "VAR_DIR": str(home / "var"),
        "DB_CONNECTION_STRING": served_dsn,
        "REDIS_URL": servers.redis_url,
    }
    services = Services(settings, home)
    services.start(port=0)
    yield services
    services.stop()


@pytest.fixture
def service(services: Services) -> Service:
    return services.running


def listening(service: Service, *more: str) -> list[str]:
    quick = ["--timeframe", "1s", "--verbosity", "brief", "--words-per-minute", "800"]
    return ["listen", "BTC/USD", "--market", "simulated", "--url", service.url, *quick, *more]


async def line_of(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    async with asyncio.timeout(DEADLINE_S):
        return (await stream.readline()).decode()


async def test_announcements_are_plain_lines_until_ctrl_c(environment, service) -> None:
    async with started_quart(environment, *listening(service)) as process:
        lines = [await line_of(process.stdout) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        outcome = await outcome_of(process)
    for line in lines:
        assert line.startswith("Bitcoin in US dollars: ")
        assert line.endswith(".\n")
        assert line.strip().isprintable()
    assert (outcome.exit_code, outcome.err) == (130, "Stopped.\n")


async def test_whoever_was_away_since_a_day_to_come_hears_what_is_new(environment, service) -> None:
    async with started_quart(environment, *listening(service, "--since", "2099-01-01")) as process:
        line = await line_of(process.stdout)
        process.send_signal(signal.SIGINT)
        outcome = await outcome_of(process)
    assert line.startswith("Bitcoin in US dollars: ")
    assert outcome.err == "Stopped.\n"


async def test_a_break_is_told_once_and_what_was_missed_once(environment, services) -> None:
    port = services.running.address[1]
    async with started_quart(environment, *listening(services.running)) as process:
        await line_of(process.stdout)
        services.running.process.terminate()
        assert await line_of(process.stderr) == "The connection was lost. Trying again.\n"
        services.stop()
        services.start(port)
        assert await line_of(process.stderr) == "Connected again.\n"
        lines = [await line_of(process.stdout) for _ in range(LINES_AFTER_BREAK)]
    catch_ups = ("You were away for ", "Since the last price you heard, ")
    assert sum(line.startswith(catch_ups) for line in lines) == 1, lines


async def test_the_alerts_of_who_signs_in_are_heard(environment, service, served_dsn) -> None:
    environment["DB_CONNECTION_STRING"] = served_dsn
    typed = f"{PASSWORD}\n"
    await run_here(environment, "create-admin", "--username", NAME, "--password-stdin", typed=typed)
    pair = await asyncio.to_thread(post, service, "/auth/login", username=NAME, password=PASSWORD)
    await asyncio.to_thread(post, service, "/api/v1/alerts", pair["access_token"], **ALERT)
    arguments = listening(service, "--username", NAME, "--password-stdin", "--mode", "alerts")
    async with started_quart(environment, *arguments) as process:
        assert process.stdin is not None
        process.stdin.write(typed.encode())
        assert (await line_of(process.stdout)).startswith("Alert. Bitcoin in US dollars: ")


def post(service: Service, path: str, token: str = "", **body: object) -> dict:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(service.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


@pytest.fixture
def spoken(environment, tmp_path: Path) -> Callable[[], list[str]]:
    """Return a reader of what was spoken: three lines of each call of a program in the place of espeak-ng."""
    written = tmp_path / "spoken"
    program = tmp_path / "bin" / "espeak-ng"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$#" "$5" "$6" >> {written}\n')
    program.chmod(0o755)
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    return lambda: written.read_text().splitlines()


async def test_what_is_printed_is_spoken_as_one_argument(environment, service, spoken) -> None:
    async with started_quart(environment, *listening(service, "--speak", "--locale", "de")) as process:
        lines = [await line_of(process.stdout) for _ in range(2)]
    count, dashes, text = spoken()[:3]
    assert (count, dashes, text) == ("6", "--", lines[0].strip())


async def test_a_lost_connection_is_spoken_in_the_language_of_the_announcements(
    environment, services, spoken
) -> None:
    port = services.running.address[1]
    arguments = listening(services.running, "--speak", "--locale", "de")
    async with started_quart(environment, *arguments) as process:
        await line_of(process.stdout)
        services.stop()
        lost = await line_of(process.stderr)
        services.start(port)
        back = await line_of(process.stderr)
        # What is urgent is spoken before this line can be.
        await line_of(process.stdout)
    assert (lost, back) == ("Die Verbindung ist abgebrochen. Neuer Versuch.\n", "Wieder verbunden.\n")
    assert lost.strip() in spoken()


async def test_who_reads_the_lines_may_leave(environment, service) -> None:
    command = " ".join(["quart", *listening(service)])
    path = f"{QUART.parent}:{environment['PATH']}"
    shell = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f"{command} | head -n 1",
        cwd=Path(__file__).parents[2],
        env=environment | {"PATH": path},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    outcome = await outcome_of(shell)
    assert (outcome.exit_code, outcome.out.count("\n"), outcome.err) == (0, 1, "")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--market", "simulated", "--exchange", "nowhere"], "There is no exchange nowhere."),
        (["--market", "simulated", "--locale", "tlh"], "There is no language tlh here."),
    ],
)
async def test_what_is_wrong_is_one_sentence(environment, service, more: list[str], sentence: str) -> None:
    outcome = await run_here(environment, "listen", "BTC/USD", "--url", service.url, *more)
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"Error: {sentence}")


async def test_without_a_service_the_way_to_one_is_said(environment) -> None:
    outcome = await run_here(environment, "listen", "BTC/USD", "--url", "http://127.0.0.1:1")
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert outcome.err == (
        "Error: http://127.0.0.1:1 does not answer. Start the service with ./start.sh, or give its --url.\n"
    )
