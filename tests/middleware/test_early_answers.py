import gc
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from quart import Quart
from quart.testing import app as serving
from redis.asyncio import Redis

from app import create_app
from config import Config
from middleware import early_answers
from middleware.early_answers import EXTENSION
from services.answers import Answer, AnswerKey
from tests.early import QUERY, SETTLED, SLOWLY, Headers, Seen, ask
from utils.domain import Topic

ORIGIN = "https://charts.example.org"
INTERVAL = "interval=1h&since=2025-01-01&until=2025-01-02"
RANGE = "resolution=60&from=1735689600&to=1735776000"
# What differs between any two answers.
CHANGING = (b"x-request-id", b"ratelimit")


@pytest.fixture
async def app(config: Config) -> AsyncIterator[Quart]:
    """The whole app, with bars in the store and one trusted origin."""
    created = create_app(replace(config, trusted_origins=(ORIGIN,)))
    async with serving.TestApp(created):
        for _ in range(2):
            await ask(created, SETTLED)
            await ask(created, f"{SETTLED}&format=csv")
        yield created


def lasting(seen: Seen) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return seen.status, [pair for pair in seen.headers if pair[0] not in CHANGING], seen.body


def names(seen: Seen) -> list[bytes]:
    return [name for name, _ in seen.headers]


def hits(app: Quart) -> int:
    """Count the answers out of the process; the early ring looks once, the slow way once more."""
    return app.extensions["accessibletrader"].answers.counts.hits


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("query", [SETTLED, f"{SETTLED}&format=csv"])
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("origin", ORIGIN),),
        (("origin", "https://elsewhere.example.org"),),
        (("if-none-match", '"another"'),),
        (("if-none-match", "*"),),
        (("if-none-match", "*"), ("origin", ORIGIN)),
        (("x-request-id", "given-by-the-caller"),),
        (("x-request-id", "no id"),),
        (("cookie", "a=b"), ("accept-encoding", "gzip"), ("user-agent", "somebody")),
    ],
)
async def test_both_ways_say_the_same_byte_for_byte(
    app: Quart, method: str, query: str, headers: Headers
) -> None:
    slow = await ask(app, query, [*headers, SLOWLY], method=method)
    early = await ask(app, query, headers, method=method)
    assert lasting(early) == lasting(slow)
    assert names(early) == names(slow)
    assert slow.status in (200, 304)


async def test_a_plain_question_never_reaches_quart(app: Quart) -> None:
    reached = []
    app.before_request(lambda: reached.append(1))
    assert (await ask(app, SETTLED)).status == 200
    assert not reached
    assert (await ask(app, SETTLED, [SLOWLY])).status == 200
    assert reached


@pytest.mark.parametrize(
    "headers",
    [
        (("authorization", "Bearer nobody"),),
        (("content-length", "2"),),
        (("transfer-encoding", "chunked"),),
        (("upgrade", "websocket"),),
        (("origin", ORIGIN), ("origin", ORIGIN)),
        (("if-none-match", '"a"'), ("if-none-match", '"b"')),
    ],
)
async def test_whatever_is_not_plain_is_left_to_quart(app: Quart, headers: Headers) -> None:
    reached = []
    app.before_request(lambda: reached.append(1))
    await ask(app, SETTLED, headers)
    assert reached


async def test_a_token_that_is_not_good_is_refused_though_the_answer_is_ready(app: Quart) -> None:
    assert (await ask(app, SETTLED, [("authorization", "Bearer nobody")])).status == 401


async def test_a_question_written_otherwise_is_not_guessed_at(app: Quart) -> None:
    assert (await ask(app, f"{SETTLED}&limit=7")).status == 422
    assert (await ask(app, SETTLED.replace("BTC/USD", "BTC%2FUSD"))).status == 200


@pytest.mark.parametrize(
    ("path", "query", "reached_times"),
    [
        ("/api/candles/simulated:simex:BTC/USD", INTERVAL, 0),
        ("/api/candles/BTC/USD", f"exchange=simex&{INTERVAL}", 0),
        ("/api/candles/BTC/USD", INTERVAL, 1),
        ("/api/candles/BTC/USD", f"market=simulated&{INTERVAL}", 1),
        ("/api/candles/BTCUSD", f"exchange=simex&{INTERVAL}", 1),
        ("/udf/history", f"symbol=simulated:simex:BTC/USD&{RANGE}", 0),
        ("/udf/history", f"symbol=BTC/USD&{RANGE}", 1),
        ("/api/v1/datafeed/bars", f"symbol=simulated:simex:BTC/USD&{RANGE}", 0),
        ("/api/v1/datafeed/bars", f"symbol=btcusd&{RANGE}", 1),
    ],
)
async def test_a_short_name_is_looked_up_each_time_and_never_answered_early(
    config: Config, path: str, query: str, reached_times: int
) -> None:
    app = create_app(replace(config, default_market="simulated", default_exchange="simex"))
    async with serving.TestApp(app):
        for _ in range(2):
            assert (await ask(app, query, path=path)).status == 200
        reached: list[int] = []
        app.before_request(lambda: reached.append(1))
        assert (await ask(app, query, path=path)).status == 200
    assert len(reached) == reached_times


async def test_an_address_whose_answer_is_another_now_is_learned_again(app: Quart) -> None:
    early, address = app.extensions[EXTENSION], ("/candles/BTC/USD", b"")
    for topic in ("of kraken", "of bitstamp"):
        early.learn("/candles/<path:symbol>", *address, AnswerKey(topic, "a question"))
    assert early._questions[address].key.topic == "of bitstamp"


async def test_the_versioned_twin_says_the_same(app: Quart) -> None:
    twin = "/api/v1/market/fetch_ohlcv"
    await ask(app, SETTLED, path=twin)
    assert lasting(await ask(app, SETTLED, path=twin)) == lasting(await ask(app, SETTLED))


async def test_early_answers_are_logged_like_others(app: Quart, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="middleware.request_log"):
        early = await ask(app, SETTLED)
        await ask(app, SETTLED, [SLOWLY])
    lines = [vars(record) for record in caplog.records if record.message == "request answered"]
    fields = [(line["method"], line["status"], line["route"], line["path"]) for line in lines]
    assert fields == [("GET", 200, "/market/fetch_ohlcv", "/market/fetch_ohlcv")] * 2
    assert len(early.header("x-request-id") or "") == 16


async def test_the_limit_holds_for_early_answers(config: Config, redis: Redis) -> None:
    limited = create_app(replace(config, rate_limit_per_minute=20))
    async with serving.TestApp(limited):
        seen = [await ask(limited, SETTLED) for _ in range(30)]
        elsewhere = await ask(limited, SETTLED, client=("192.0.2.2", 1))
    statuses = [each.status for each in seen]
    assert statuses == [200] * 20 + [429] * 10
    left = [(each.header("ratelimit") or "").split(";")[1] for each in seen[:20]]
    assert left == [f"r={number}" for number in reversed(range(20))]
    assert seen[-1].header("retry-after") is not None
    assert elsewhere.status == 200
    assert hits(limited) > 15


async def test_a_busy_caller_is_counted_to_the_last_call_without_asking_each_time(
    config: Config, redis: Redis
) -> None:
    limited = create_app(replace(config, rate_limit_per_minute=1_200))
    async with serving.TestApp(limited):
        before = (await redis.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"]
        statuses = [(await ask(limited, SETTLED)).status for _ in range(1_400)]
        after = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    allowed = statuses.count(200)
    # Turns come back while the test runs, twenty a second.
    assert 1_200 <= allowed < 1_400
    assert after - before < 700


async def test_the_questions_remembered_are_bounded(app: Quart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_answers, "QUESTIONS_MAX", 3)
    known = app.extensions[EXTENSION]._questions
    for limit in range(1, 7):
        await ask(app, QUERY.replace("limit=5", f"limit={limit}"))
        assert len(known) <= 3
    await ask(app, f"{QUERY}&since={'1' * 600}")
    early, key = app.extensions[EXTENSION], AnswerKey("a topic", "a question")
    early.learn("/candles/<path:symbol>", f"/candles/BTC{'/' * 600}USD", b"", key)
    assert all(len(path) + len(query) <= 512 for path, query in known)
    early.learn("/candles/<path:symbol>", "/candles/BTC/USD", b"", key)
    assert ("/candles/BTC/USD", b"") in known


async def test_an_answer_that_the_cache_has_let_go_is_held_by_nobody(app: Quart) -> None:
    seen = await ask(app, SETTLED)
    assert answers_alive(seen) == 1
    topic = Topic.parse("bars:simulated:simex:BTC/USD:1h")
    await app.extensions["accessibletrader"].answers.announce([topic])
    assert answers_alive(seen) == 0


def answers_alive(seen: Seen) -> int:
    gc.collect()
    alive = [each for each in gc.get_objects() if isinstance(each, Answer)]
    return sum(each.etag == seen.header("etag") and each.body == seen.body for each in alive)
