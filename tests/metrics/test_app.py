"""What an app without a launcher says of itself, from the first request on."""

import asyncio
import urllib.request
from dataclasses import replace

import pytest
from quart.testing.connections import WebsocketResponseError

import app as program
from app import create_app
from app_extensions.metrics_samples import Samples
from config import Config
from middleware.context import EXTENSION
from tests.metrics.reading import Page, own_page
from utils import figures

BARS = "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h&limit=5"
SETTLED = f"{BARS}&since=1704067200000"
LISTEN = "/ws/subscribe?market=simulated&exchange=simex&symbols=BTC/USD&timeframe=1s"


async def test_requests_are_counted_by_rule_method_and_status_and_by_nothing_else(config: Config) -> None:
    async with create_app(config).test_app() as app:
        client = app.test_client()
        for path in (BARS, BARS, "/docs/problems", "/no/such/page/of/ada", "/docs/problems?q=ada"):
            await client.get(path)
        await client.open("/live", method="BREW")
    page = own_page(figures.REQUESTS)
    name = "http_request_duration_seconds_count"
    assert page.value(name, route="/market/fetch_ohlcv", method="GET", status="200") == 2
    assert page.value(name, route="none", status="404") == 1
    assert page.value(name, method="other") == 1
    assert "ada" not in page.text
    assert "BREW" not in page.text


async def test_a_look_says_how_the_worker_is_and_a_question_what_it_stands_on(config: Config) -> None:
    created = create_app(config)
    async with created.test_app() as app:
        samples = Samples(created.extensions[EXTENSION])
        client = app.test_client()
        async with client.websocket(LISTEN) as listening:
            async with asyncio.timeout(30):
                while '"bar"' not in await listening.receive():
                    pass
            # The first one fills the store, which ends the answer that it makes itself.
            for _ in range(3):
                await client.get(SETTLED)
            samples.look()
            await samples.ask()
            page = own_page()
    assert page.value("ws_connections") == 1
    assert page.value("feeds", exchange="simex") == 1
    assert 0 <= page.value("feed_lag_seconds", exchange="simex") < 30
    assert page.value("part_up", part="database") == page.value("part_up", part="cache") == 1
    assert page.value("exchange_left_alone", exchange="simex") == 0
    assert page.value("exchange_request_seconds_count", exchange="simex", outcome="answered") >= 1
    assert (
        page.value("ws_messages_total", kind="hello") == page.value("ws_messages_total", kind="snapshot") == 1
    )
    assert page.value("bars_stored_total", exchange="simex") > 0
    assert page.value("cache_requests_total", result="made") >= 1
    assert page.value("cache_requests_total", result="here") >= 1
    assert page.value("database_wait_seconds_count") > 0
    assert page.value("worker_cpu_seconds_total") > 0


async def test_what_an_alert_sees_rise_is_there_before_it_happens(config: Config) -> None:
    created = create_app(replace(config, metrics=True))
    async with created.test_app():
        page = own_page()
        jobs = [job.name for job in created.extensions[EXTENSION].jobs.table]
    for code in ("1011", "4008"):
        assert page.value("ws_closed_total", code=code) == 0
    assert "repair_history" in jobs
    for job in jobs:
        for outcome in ("done", "failed", "lost"):
            assert page.value("job_runs_total", job_name=job, outcome=outcome) == 0


async def test_without_redis_what_was_done_alone_is_counted(config: Config) -> None:
    created = create_app(replace(config, redis_url="redis://127.0.0.1:1/0"))
    async with created.test_app() as app:
        response = await app.test_client().get(BARS)
        await Samples(created.extensions[EXTENSION]).ask()
    assert response.status_code == 200
    page = own_page()
    for part in ("limits", "answers", "exchanges"):
        assert page.value("failed_open_total", part=part) > 0
    assert (page.value("part_up", part="cache"), page.value("part_up", part="database")) == (0, 1)


async def test_who_asks_too_often_is_counted(config: Config) -> None:
    async with create_app(replace(config, rate_limit_per_minute=2)).test_app() as app:
        client = app.test_client()
        statuses = [
            (await client.get("/market/get_exchanges?market=simulated")).status_code for _ in range(5)
        ]
    assert own_page(figures.RATE_LIMITED).value("rate_limited_total", bucket="default") == statuses.count(429)
    assert statuses.count(429) >= 2


async def test_an_app_that_nobody_launched_serves_its_own_metrics(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "app_extensions.metrics")
    # `quart run` calls create_app() without settings.
    monkeypatch.setattr(program, "load_config", lambda: replace(config, metrics_port=0))
    async with create_app().test_app() as app:
        await app.test_client().get("/live")
        (address,) = [record.address for record in caplog.records if hasattr(record, "address")]
        page = Page((await asyncio.to_thread(fetch, address)).decode())
    assert page.value("http_request_duration_seconds_count", route="/live") == 1
    assert page.value("workers") == 1
    assert page.value("worker_resident_memory_bytes", worker="1") > 1_000_000


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as answer:
        body: bytes = answer.read()
    return body


async def test_a_refused_websocket_is_counted(config: Config) -> None:
    async with create_app(config).test_app() as app:
        with pytest.raises(WebsocketResponseError):
            async with app.test_client().websocket(LISTEN.replace("BTC", "NOSUCH")) as refused:
                await refused.receive()
    assert own_page(figures.REFUSED).value("ws_refused_total", status="404") == 1
