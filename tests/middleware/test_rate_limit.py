import asyncio
import logging
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart import Quart, g, websocket
from quart.testing import WebsocketResponseError
from redis.asyncio import Redis

from app_extensions.redis_manager import open_redis
from middleware.local_calls import LocalCalls
from middleware.rate_limit import EXTENSION, limit, limit_exempt
from tests.middleware.conftest import MakeApp, MovingClock
from utils.accounts import Principal, Role


def add_view(app: Quart, bucket: str = "default") -> None:
    @app.get("/counted")
    @limit(bucket)
    async def counted() -> str:
        return "counted"


def client_at(address: str) -> dict[str, object]:
    return {"scope_base": {"client": (address, 1)}}


async def test_of_fifty_calls_at_once_exactly_the_limit_passes(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=5)
    add_view(app)
    client = app.test_client()
    responses = await asyncio.gather(*(client.get("/counted") for _ in range(50)))
    assert sorted(response.status_code for response in responses) == [200] * 5 + [429] * 45


async def test_the_headers_count_down(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=3)
    add_view(app)
    client = app.test_client()
    responses = [await client.get("/counted") for _ in range(4)]
    assert {response.headers["RateLimit-Policy"] for response in responses} == {'"default";q=3;w=60'}
    left = [response.headers["RateLimit"].split(";")[1] for response in responses]
    assert left == ["r=2", "r=1", "r=0", "r=0"]
    assert responses[0].headers["RateLimit"] == '"default";r=2;t=20'


async def test_a_refusal_says_in_words_how_long_to_wait(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=1)
    add_view(app)
    client = app.test_client()
    await client.get("/counted")
    response = await client.get("/counted")
    body = await response.get_json()
    assert response.status_code == 429
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "60"
    assert body["detail"] == "Too many requests. Wait 60 seconds, then try again."
    assert 59 < body["retry_after"] <= 60


async def test_waiting_as_told_is_enough(make_app: MakeApp, redis: Redis) -> None:
    app = make_app(rate_limit_per_minute=60)
    add_view(app)
    client = app.test_client()
    seconds, micros = await redis.time()
    nearly_full_ms = seconds * 1000 + micros // 1000 + 59_300
    await redis.set("limit:default:address:192.0.2.1", nearly_full_ms, px=60_000)
    refused = await client.get("/counted", **client_at("192.0.2.1"))
    wait_s = (await refused.get_json())["retry_after"]
    assert 0 < wait_s <= 0.3
    await asyncio.sleep(wait_s)
    assert (await client.get("/counted", **client_at("192.0.2.1"))).status_code == 200


async def test_every_address_has_its_own_bucket(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=1)
    add_view(app)
    client = app.test_client()
    first = await client.get("/counted", **client_at("192.0.2.1"))
    second = await client.get("/counted", **client_at("192.0.2.2"))
    again = await client.get("/counted", **client_at("192.0.2.1"))
    assert [first.status_code, second.status_code, again.status_code] == [200, 200, 429]


async def test_one_ipv6_network_is_one_client(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=1)
    add_view(app)
    client = app.test_client()
    first = await client.get("/counted", **client_at("2001:db8::1"))
    neighbour = await client.get("/counted", **client_at("2001:db8::ffff:2"))
    assert [first.status_code, neighbour.status_code] == [200, 429]


async def test_a_made_up_forwarded_address_opens_no_new_bucket(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=1)
    add_view(app)
    client = app.test_client()
    statuses = []
    for number in range(3):
        headers = {"X-Forwarded-For": f"198.51.100.{number}", "Remote-Addr": f"198.51.100.{number}"}
        statuses.append((await client.get("/counted", headers=headers)).status_code)
    assert statuses == [200, 429, 429]


async def test_a_signed_in_user_is_counted_as_such_wherever_the_call_comes_from(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=1)
    add_view(app)

    @app.before_request
    async def sign_in() -> None:
        g.principal = Principal(7, "ann", Role.USER, UUID(int=0))

    client = app.test_client()
    first = await client.get("/counted", **client_at("192.0.2.1"))
    elsewhere = await client.get("/counted", **client_at("192.0.2.2"))
    assert [first.status_code, elsewhere.status_code] == [200, 429]


async def test_signing_in_has_a_smaller_bucket_of_its_own(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=1_000)
    add_view(app, "login")
    client = app.test_client()
    statuses = [(await client.get("/counted")).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


async def test_a_handshake_beyond_the_limit_is_refused_before_it_opens(make_app: MakeApp) -> None:
    app = make_app(rate_limit_per_minute=1)

    @app.websocket("/ws")
    @limit("default")
    async def ws() -> None:
        await websocket.send("open")

    client = app.test_client()
    async with client.websocket("/ws") as connection:
        assert await connection.receive() == "open"
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket("/ws") as connection:
            await connection.receive()
    assert caught.value.response.status_code == 429


async def test_what_is_counted_in_redis_expires(make_app: MakeApp, redis: Redis) -> None:
    app = make_app(rate_limit_per_minute=60)
    add_view(app)
    await app.test_client().get("/counted", **client_at("192.0.2.1"))
    assert await redis.keys() == [b"limit:default:address:192.0.2.1"]
    assert 0 < await redis.pttl("limit:default:address:192.0.2.1") <= 1_000


@pytest.fixture
async def hanging_redis() -> Redis:
    """A server that takes connections and never says a word."""
    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: taken.append(writer), "127.0.0.1", 0)
    client = open_redis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    yield client
    await client.aclose()
    for writer in taken:
        writer.close()
    server.close()
    await server.wait_closed()


async def test_while_redis_hangs_the_worker_counts_alone_and_asks_once_a_second(
    make_app: MakeApp, hanging_redis: Redis, clock: MovingClock, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(redis=hanging_redis, rate_limit_per_minute=60)
    add_view(app)
    client = app.test_client()
    async with asyncio.timeout(5):
        responses = [await client.get("/counted") for _ in range(100)]
    statuses = [response.status_code for response in responses]
    # One comes back each second, and a hundred calls may take a few.
    assert 60 <= statuses.count(200) <= 66
    assert statuses[:60] == [200] * 60
    assert responses[0].headers["RateLimit"] == '"default";r=59;t=1'
    assert responses[statuses.index(429)].headers["Retry-After"] == "1"
    clock.now_ms += 1_000
    await client.get("/counted")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert app.extensions[EXTENSION].counted_alone == 101
    clock.now_ms += 60_000
    await client.get("/counted")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.counted_alone for record in warnings] == [1, 102]


async def test_while_redis_is_dead_each_worker_gives_out_its_share(
    make_app: MakeApp, unused_tcp_port: int
) -> None:
    dead = open_redis(f"redis://127.0.0.1:{unused_tcp_port}/0")
    app = make_app(redis=dead, rate_limit_per_minute=8, workers=4)
    add_view(app)
    client = app.test_client()
    statuses = [(await client.get("/counted")).status_code for _ in range(3)]
    elsewhere = await client.get("/counted", **client_at("192.0.2.9"))
    await dead.aclose()
    assert statuses == [200, 200, 429]
    assert elsewhere.headers["RateLimit-Policy"] == '"default";q=2;w=60'


@given(
    st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=80),
    st.integers(1, 50),
    st.integers(1, 8),
)
def test_no_minute_holds_more_than_twice_the_share_and_no_burst_more_than_the_share(
    pauses_s: list[float], per_minute: int, workers: int
) -> None:
    calls, now_s, passed_s = LocalCalls(workers), 1_000.0, []
    share = max(1, per_minute // workers)
    for pause_s in pauses_s:
        now_s += pause_s
        allowance = calls.take("ann", "default", per_minute, now_s)
        assert allowance.allowed == (allowance.wait_ms == 0)
        assert 0 <= allowance.left <= share
        if allowance.allowed:
            passed_s.append(now_s)
        else:
            later = calls.take("ann", "default", per_minute, now_s + allowance.wait_ms / 1000)
            assert later.allowed
            now_s += allowance.wait_ms / 1000
            passed_s.append(now_s)
    for start_s in passed_s:
        window = [each for each in passed_s if start_s <= each < start_s + 60]
        assert len(window) <= 2 * share
    assert calls.take("bob", "default", per_minute, now_s).allowed


def test_views_show_how_they_are_counted() -> None:
    async def view() -> None:
        return

    assert limit("login")(view).limit == "login"
    exempt = limit_exempt("asked by monitors")(SimpleNamespace())
    assert (exempt.limit, exempt.limit_exempt) == ("exempt", "asked by monitors")
