"""What admins see of jobs, order and cancel; all of it is noted, and none of it is for anybody else."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

from app_extensions.job_table import job_table
from blueprints.pages import FOLDER
from config import Config
from middleware.context import EXTENSION
from services import Services
from services.auth_service import AuthService
from services.jobs.job import Every, Job, JobContext
from tests.docs.reading import ROOT, code_words, table
from tests.jobs.conftest import JobHouse
from tests.user_maker import making_users
from utils.accounts import Role

PASSWORD = "a horse in a field of corn"
JOBS = "/api/v1/admin/jobs"


@pytest.fixture
def accounts(pool: asyncpg.Pool) -> Iterator[AuthService]:
    with making_users(pool) as service:
        yield service


async def headers_of(client: Client, accounts: AuthService, name: str, role: Role) -> dict[str, str]:
    await accounts.create_user(name, PASSWORD, role)
    response = await client.post("/auth/login", json={"username": name, "password": PASSWORD})
    return {"Authorization": f"Bearer {(await response.get_json())['access_token']}"}


@pytest.fixture
async def root(client: Client, accounts: AuthService) -> dict[str, str]:
    return await headers_of(client, accounts, "root", Role.ADMIN)


async def ask(client: Client, path: str, headers: dict[str, str], status: int = 200) -> dict[str, Any]:
    response = await client.get(JOBS + path, headers=headers)
    assert response.status_code == status, await response.get_data()
    body: dict[str, Any] = await response.get_json()
    return body


async def tell(
    client: Client, path: str, headers: dict[str, str], body: Any = None, status: int = 200
) -> dict[str, Any]:
    response = await client.post(JOBS + path, json=body, headers=headers)
    assert response.status_code == status, await response.get_data()
    answer: dict[str, Any] = await response.get_json()
    return answer


async def test_an_order_is_followed_from_the_queue_to_its_end(
    client: Client, root: dict[str, str], app: Quart, job_house: JobHouse
) -> None:
    ticket = await tell(client, "/run", root, {"job": "tidy"}, 202)
    assert (ticket["job"], ticket["state"], ticket["already_running"]) == ("tidy", "queued", False)
    again = await tell(client, "/run", root, {"job": "tidy"}, 202)
    assert (again["id"], again["already_running"]) == (ticket["id"], True)
    run = await ask(client, f"/{ticket['id']}", root)
    assert (run["state"], run["outcome"], run["attempts"], run["payload"]) == ("queued", None, [], {})
    assert run["ended_at"] is run["duration_s"] is run["planned_for"] is None

    services: Services = app.extensions[EXTENSION]
    job_house.add(services.jobs.job("tidy"))
    job_house.worker()
    await job_house.ended(ticket["id"])
    run = await ask(client, f"/{ticket['id']}", root)
    assert (run["state"], run["outcome"], run["progress"], run["error"]) == ("done", "done", 1.0, None)
    assert [attempt["outcome"] for attempt in run["attempts"]] == ["done"]
    assert run["duration_s"] >= 0


async def test_runs_come_in_pages_by_job_and_by_state(client: Client, root: dict[str, str]) -> None:
    ids = [
        (await tell(client, "/run", root, {"job": job}, 202))["id"]
        for job in ("tidy", "repair_history", "backfill")
    ]
    await tell(client, f"/{ids[1]}/cancel", root)
    first = await ask(client, "?limit=2", root)
    assert [run["id"] for run in first["runs"]] == [ids[2], ids[1]]
    rest = await ask(client, f"?limit=2&cursor={first['next']}", root)
    assert ([run["id"] for run in rest["runs"]], rest["next"]) == ([ids[0]], None)
    assert [run["id"] for run in (await ask(client, "?job=tidy", root))["runs"]] == [ids[0]]
    assert [run["id"] for run in (await ask(client, "?state=cancelled", root))["runs"]] == [ids[1]]
    assert (await ask(client, "?job=tydi", root, 404))["code"] == "unknown_job"
    assert (await ask(client, "?state=asleep", root, 422))["code"] == "invalid_request"


async def test_the_table_says_what_there_is_and_when_it_comes(
    client: Client, root: dict[str, str], app: Quart
) -> None:
    jobs = {job["name"]: job for job in (await ask(client, "", root))["jobs"]}
    assert set(jobs) == {job.name for job in app.extensions[EXTENSION].jobs.table}
    assert jobs["tidy"]["every_s"] == 3_600
    assert jobs["tidy"]["next_at"].endswith(":07:00.000Z")
    # Nothing is named in the settings of this app.
    assert (jobs["backfill"]["every_s"], jobs["backfill"]["next_at"]) == (None, None)


def length_s(words: str) -> int:
    """Read ``6 hours`` or ``hour``."""
    *count, unit = words.removesuffix("s").split()
    return int(*count or "1") * {"minute": 60, "hour": 3_600, "day": 86_400}[unit]


def planned(words: str) -> Every | None:
    """Read ``Every 15 minutes, from 00:07`` or ``Daily, 03:00``; None for what is only done on order."""
    if words == "On order":
        return None
    match = re.match(r"(?:Every ([\w ]+)|Daily)(?:, (?:from )?(\d\d):(\d\d))?", words)
    assert match, words
    length, hours, minutes = match.groups()
    return Every(length_s(length or "day"), after_s=int(hours or 0) * 3_600 + int(minutes or 0) * 60)


def test_the_page_of_operators_has_a_row_for_every_job(app: Quart, config: Config) -> None:
    services: Services = app.extensions[EXTENSION]
    named = replace(config, backfill=("simulated:simex:BTC/USD:1h:2026-01-01",))
    rows = table((ROOT / "docs/jobs.md").read_text(), "What comes when", "Job")
    documented = {code_words(row[0])[0]: (planned(row[2]), length_s(row[3])) for row in rows}
    jobs = {job.name: (job.every, job.time_limit_s) for job in job_table(services, named)}
    assert documented == jobs


async def test_a_run_that_waits_is_cancelled_once(client: Client, root: dict[str, str]) -> None:
    ticket = await tell(client, "/run", root, {"job": "tidy"}, 202)
    run = await tell(client, f"/{ticket['id']}/cancel", root)
    assert (run["state"], run["outcome"], run["error"]) == ("cancelled", "stopped", "It was cancelled.")
    assert (await tell(client, f"/{ticket['id']}/cancel", root, status=409))["code"] == "job_ended"
    for number in (999_999, 2**63):
        assert (await tell(client, f"/{number}/cancel", root, status=404))["code"] == "unknown_run"
        assert (await ask(client, f"/{number}", root, 404))["code"] == "unknown_run"


async def test_what_admins_did_is_noted_and_what_they_did_not_is_not(
    client: Client, root: dict[str, str]
) -> None:
    ticket = await tell(client, "/run", root, {"job": "tidy"}, 202)
    await tell(client, "/run", root, {"job": "tidy"}, 202)
    await tell(client, "/run", root, {"job": "tydi"}, 404)
    await tell(client, f"/{ticket['id']}/cancel", root)
    await tell(client, f"/{ticket['id']}/cancel", root, status=409)
    events = (await (await client.get("/api/v1/admin/audit", headers=root)).get_json())["events"]
    noted = [(event["action"], event["detail"]) for event in events if event["action"].startswith("job_")]
    detail = f"tidy, run {ticket['id']}"
    assert noted == [("job_cancelled", detail), ("job_ordered", detail)]


async def test_a_listing_of_coins_that_an_admin_orders_is_noted_once(
    client: Client, root: dict[str, str]
) -> None:
    for _ in range(2):
        ordered = await client.post("/api/v1/cryptocurrencies/sync", headers=root)
        assert ordered.status_code == 202
    run_id = (await ordered.get_json())["run_id"]
    events = (await (await client.get("/api/v1/admin/audit", headers=root)).get_json())["events"]
    noted = [event["detail"] for event in events if event["action"] == "job_ordered"]
    assert noted == [f"sync_coins, run {run_id}"]


async def test_a_job_that_needs_more_than_its_name_says_so(
    client: Client, root: dict[str, str], app: Quart
) -> None:
    async def nothing(_: JobContext) -> None:
        pass

    app.extensions[EXTENSION].jobs.add([Job("particular", "Needs more.", nothing, by_name=False)])
    problem = await tell(client, "/run", root, {"job": "particular"}, 422)
    assert "more than its name" in problem["detail"]


async def test_jobs_are_for_admins_alone(client: Client, accounts: AuthService) -> None:
    ada = await headers_of(client, accounts, "ada", Role.USER)
    for headers, status in ((ada, 403), ({}, 401)):
        await ask(client, "", headers, status)
        await ask(client, "/1", headers, status)
        await tell(client, "/run", headers, {"job": "tidy"}, status)
        await tell(client, "/1/cancel", headers, status=status)


async def test_the_page_is_there_for_everybody_and_holds_nothing(client: Client) -> None:
    response = await client.get("/admin/jobs")
    assert response.content_type == "text/html; charset=utf-8"
    assert await response.get_data() == (FOLDER / "jobs.html").read_bytes()
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]


def test_every_job_has_a_name_for_programs_and_a_sentence_for_people(app: Quart, config: Any) -> None:
    jobs = job_table(
        app.extensions[EXTENSION], replace(config, backfill=("simulated:simex:BTC/USD:1h:2026-01-01",))
    )
    assert len(jobs) >= 3
    for job in jobs:
        assert job.name.replace("_", "").isalnum()
        assert job.name == job.name.lower()
        assert job.sentence.endswith(".")
        assert job.every is None or job.every.period_s >= 60
        assert not job.queues_up
        assert set(job.unless_just_ran) <= {other.name for other in jobs}
