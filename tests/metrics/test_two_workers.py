"""Two workers of one launcher are scraped at one address, and what a killed one counted stays."""

import contextlib
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded.processes import command_of, descendants, wait_for
from tests.launcher.conftest import APP, Service, beside, launch
from tests.metrics.reading import Page
from utils import figures
from utils.metrics import declared

__all__ = ["beside", "launch"]

Launch = Callable[..., Service]
CANARY = "canary0Zq"
VIEW = "/market/get_exchanges"
REQUESTS = "http_request_duration_seconds_count"


def scrape(service: Service) -> Page:
    with urllib.request.urlopen(service.metrics_url, timeout=20) as answer:
        return Page(answer.read().decode())


def workers_of(service: Service) -> set[int]:
    return {pid for pid in descendants(service.process.pid) if "--worker" in command_of(pid)}


def ask(service: Service, times: int) -> None:
    for number in range(times):
        # A connection each, so that both workers come to their turns.
        asked = urllib.request.Request(
            f"{service.url}{VIEW}?market=simulated&token={CANARY}{number}",
            headers={"Authorization": f"Bearer {CANARY}", "Connection": "close"},
        )
        with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(asked, timeout=20):
            pass


def test_one_scrape_sees_every_worker_and_no_count_falls_when_one_is_killed(
    launch: Launch, beside: dict[str, str]
) -> None:
    service = launch(APP, WORKERS="2", SECRET_KEY=CANARY * 5, **beside)
    ask(service, 30)
    before = scrape(service)
    assert before.value(REQUESTS, route=VIEW) == 30
    assert before.value("workers") == 2
    assert before.value("database_connections_max") == 20
    victim = min(workers_of(service))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: scrape(service).value("worker_restarts_total") == 1, timeout_s=60, what="another worker")
    wait_for(lambda: scrape(service).value("database_connections_max") == 20, timeout_s=60, what="its levels")
    after = scrape(service)
    assert after.value(REQUESTS, route=VIEW) == 30
    fallen = {key: value for key, value in before.counts().items() if after.counts().get(key, -1) < value}
    assert fallen == {}
    ask(service, 30)
    assert scrape(service).value(REQUESTS, route=VIEW) == 60
    assert_bounded(scrape(service))
    assert_not_public(service)
    files = Path(service.process.args[1]).parent  # nothing of ours lies beside the program
    assert not list(files.glob("*.db"))
    assert service.stop() == 0


def assert_bounded(page: Page) -> None:
    assert set(page.families()) <= {figure.name.removesuffix("_total") for figure in declared(figures)}
    assert CANARY not in page.text
    labels = {
        label for family in page.families().values() for each in family.samples for label in each.labels
    }
    assert "pid" not in labels


def assert_not_public(service: Service) -> None:
    for path in ("/metrics", "/api/v1/metrics"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(service.url + path, timeout=20)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(service.metrics_url.removesuffix("/metrics") + VIEW, timeout=20)
