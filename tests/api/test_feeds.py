"""What admins are told of the feeds of all workers, and everybody of the health of the service."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client
from redis.asyncio import Redis

from app import create_app
from blueprints.pages import FOLDER
from config import Config
from services.auth_service import AuthService
from services.fleet.report import TopicReport, WorkerReport
from services.fleet.roll import Roll
from tests.live.talk import Talk
from utils.accounts import Role
from utils.domain import Topic

PASSWORD = "a horse in a field of corn"
FEEDS = "/api/v1/admin/feeds"
WS = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
TOPIC = "bars:simulated:simex:BTC/USD:1s"
NAME = f"{socket.gethostname()}:{os.getpid()}"
DEADLINE_S = 20


@asynccontextmanager
async def serving(config: Config, role: str) -> AsyncIterator[Quart]:
    app = create_app(replace(config, role=role))
    async with app.test_app():
        yield app


@pytest.fixture
async def web(config: Config) -> AsyncIterator[Client]:
    """A worker that serves clients and feeds nothing."""
    async with serving(config, "web") as app:
        yield app.test_client()


@pytest.fixture
async def admin(web: Client, accounts: AuthService) -> dict[str, str]:
    await accounts.create_user("root", PASSWORD, Role.ADMIN)
    response = await web.post("/auth/login", json={"username": "root", "password": PASSWORD})
    return {"Authorization": f"Bearer {(await response.get_json())['access_token']}"}


async def get(client: Client, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    response = await client.get(path, headers=headers)
    answer: dict[str, Any] = await response.get_json()
    assert response.status_code == 200, answer
    return answer


def stale(number: int) -> TopicReport:
    topic = Topic.parse(f"bars:crypto:bitstamp:C{number:03}/USD:1m")
    return TopicReport(topic, 1, 99_000, held=True, said="stale", said_ms=1_795_000_000_000, silent_ms=61_000)


def well(number: int) -> TopicReport:
    return replace(stale(number), said="live", silent_ms=100)


async def tell(redis: Redis, *topics: TopicReport) -> None:
    await Roll(redis).tell(WorkerReport("elsewhere:1", "feed", 0, topics, ()))


async def test_a_web_worker_tells_of_the_feed_that_another_keeps(
    config: Config, web: Client, admin: dict[str, str]
) -> None:
    async with serving(config, "feed"), web.websocket(WS) as connection:
        await Talk(connection).closed_bars(2, TOPIC)
        async with asyncio.timeout(DEADLINE_S):
            while True:
                answer = await get(web, FEEDS, admin)
                if [(feed["holder"], feed["state"]) for feed in answer["feeds"]] == [(NAME, "live")]:
                    break
        (feed,) = answer["feeds"]
        assert (feed["topic"], feed["exchange"], feed["late"]) == (TOPIC, "simex", False)
        assert (feed["listeners"], answer["connections"]) == (1, 1)
        assert 0 <= feed["lag_ms"] < 10_000
        assert feed["last_message_at"] > feed["since"] > "2026"
        assert answer["summary"] == {"total": 1, "late": 0, "text": "The only feed is live."}
        assert [(each["role"], each["feeds"]) for each in answer["workers"]] == [("web", 0), ("feed", 1)]
        health = await get(web, "/health")
        assert (health["status"], health["feeds"]["total"], health["feeds"]["late"]) == ("ok", 1, 0)
        (venue,) = health["feeds"]["exchanges"]
        assert (venue["market"], venue["exchange"], venue["total"]) == ("simulated", "simex", 1)
        assert 0 <= venue["age_ms"] < 10_000


async def test_pages_follow_each_other_and_what_needs_attention_comes_first(
    web: Client, admin: dict[str, str], redis: Redis
) -> None:
    await tell(redis, *(stale(number) if number % 3 == 0 else well(number) for number in range(10)))
    seen, query = [], "?limit=4"
    for _ in range(3):
        answer = await get(web, FEEDS + query, admin)
        seen += [(feed["late"], feed["symbol"]) for feed in answer["feeds"]]
        query = f"?limit=4&cursor={answer['next']}"
    assert answer["next"] is None
    assert seen == sorted(seen, key=lambda row: (not row[0], row[1]))
    assert len(set(seen)) == 10
    assert [symbol for late, symbol in seen if late] == ["C000/USD", "C003/USD", "C006/USD", "C009/USD"]
    assert answer["summary"] == {
        "total": 10,
        "late": 4,
        "text": "4 of 10 feeds are late: C000/USD, 1 minute, on bitstamp; C003/USD, 1 minute, on bitstamp; "
        "C006/USD, 1 minute, on bitstamp; and 1 more.",
    }


async def test_what_does_not_fit_is_refused(web: Client, admin: dict[str, str]) -> None:
    for query in (
        "limit=0",
        "limit=201",
        "cursor=x",
        "cursor=2.bars:a",
        f"cursor=0.bars:{'x' * 300}",
        "page=2",
    ):
        assert (await web.get(f"{FEEDS}?{query}", headers=admin)).status_code == 422


async def test_health_says_what_is_late_and_which_exchange_is_left_alone_but_not_who_listens_to_what(
    web: Client, admin: dict[str, str], redis: Redis
) -> None:
    await tell(redis, stale(1), well(2))
    await web.get("/market/get_symbols?market=simulated&exchange=simex")
    await redis.set("upstream:{simulated:simex}:until", 1, px=60_000)
    response = await web.get("/health")
    text = await response.get_data(as_text=True)
    health = await response.get_json()
    assert (response.status_code, health["status"]) == (200, "degraded")
    assert (health["feeds"]["status"], health["feeds"]["late"]) == ("degraded", 1)
    assert health["feeds"]["exchanges"] == [
        {"market": "crypto", "exchange": "bitstamp", "total": 2, "late": 1, "age_ms": 100}
    ]
    (alone,) = health["exchanges"]["left_alone"]
    assert (alone["exchange"], alone["state"]) == ("simex", "limited")
    assert alone["until"] > "2026"
    for private in ("elsewhere", NAME, "C001", "USD"):
        assert private not in text
    ready = await web.get("/ready")
    assert ready.status_code == 200
    assert (await ready.get_json())["degraded"] == ["exchanges", "feeds"]
    exchanges = (await get(web, "/api/v1/admin/exchanges", admin))["exchanges"]
    assert [(each["exchange"], each["state"]) for each in exchanges] == [("simex", "limited")]
    assert 50 < exchanges[0]["wait_s"] <= 60


async def test_the_page_is_there_for_everybody_and_holds_nothing(web: Client) -> None:
    response = await web.get("/admin/feeds")
    assert response.content_type == "text/html; charset=utf-8"
    assert await response.get_data() == (FOLDER / "feeds.html").read_bytes()
    assert response.headers["Cache-Control"] == "no-store"
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
