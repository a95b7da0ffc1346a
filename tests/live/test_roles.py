"""Workers that serve clients and workers that follow exchanges, as apps over one Valkey and one store."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from quart.testing.connections import WebsocketResponseError

from app import create_app
from app_extensions.jobs import does_jobs
from middleware.context import EXTENSION
from tests.live.talk import Talk

WS = "/ws/subscribe?market=simulated&symbols=BTC/USD&timeframe=1s"
TOPIC = "bars:simulated:simex:BTC/USD:1s"
SERVED_BY_FEEDS = ("/live", "/ready", "/health")


@asynccontextmanager
async def serving(config, role):
    app = create_app(replace(config, role=role))
    async with app.test_app():
        yield app


@pytest.fixture
async def web(config):
    async with serving(config, "web") as app:
        yield app


async def test_a_web_worker_alone_says_offline_and_live_once_somebody_feeds(config, web, redis):
    async with web.test_client().websocket(WS) as connection:
        talk = Talk(connection)
        await talk.until("snapshot")
        status = await talk.until("status")
        assert (status["state"], status["topic"]) == ("offline", TOPIC)
        assert [key async for key in redis.scan_iter("live:*:lease")] == []
        async with serving(config, "feed") as feed:
            assert (await talk.until("status"))["state"] == "live"
            await talk.closed_bars(2, TOPIC)
            assert [topic.text for topic in feed.extensions[EXTENSION].live.feeds] == [TOPIC]
            assert web.extensions[EXTENSION].live.feeds == ()


async def test_who_subscribes_later_is_told_at_once_how_the_feed_is(config, web):
    async with serving(config, "feed"), web.test_client().websocket(WS) as first:
        talk = Talk(first)
        await talk.until("status", state="live")
        async with web.test_client().websocket(WS) as second:
            later = Talk(second)
            await later.until("snapshot")
            message = await later.next()
            assert (message["type"], message["state"]) == ("status", "live")


async def test_a_worker_with_both_roles_feeds_for_those_without(config, web):
    async with serving(config, "all"), web.test_client().websocket(WS) as connection:
        await Talk(connection).closed_bars(1, TOPIC)


async def test_a_feed_goes_on_where_another_was_stopped(config, web):
    async with web.test_client().websocket(WS) as connection:
        talk = Talk(connection)
        async with serving(config, "feed"):
            await talk.closed_bars(2, TOPIC)
        async with serving(config, "feed"):
            await talk.closed_bars(2, TOPIC)
        opens = talk.closed_opens
        assert opens == list(range(opens[0], opens[0] + 1_000 * len(opens), 1_000))


async def test_a_feed_process_serves_nothing_but_its_state(config):
    async with serving(config, "feed") as app:
        client = app.test_client()
        for path in SERVED_BY_FEEDS:
            assert (await client.get(path)).status_code == 200
        for path in ("/", "/market/get_exchanges?market=simulated", "/auth/login"):
            assert (await client.get(path)).status_code == 404
        with pytest.raises(WebsocketResponseError) as refusal:
            async with client.websocket(WS) as connection:
                await connection.receive()
        assert refusal.value.response.status_code == 404


@pytest.mark.parametrize(("role", "does"), [("web", False), ("feed", True), ("all", True)])
def test_jobs_are_done_where_feeds_are(config, role, does):
    assert does_jobs(replace(config, role=role, jobs="embedded")) is does
