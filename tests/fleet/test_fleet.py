"""Workers that tell of themselves over one Valkey, and what each then knows of all."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest
from redis.asyncio import Redis

from app_extensions.redis_manager import open_redis
from services.fleet.exchange_board import exchange_rows
from services.fleet.fleet import Fleet
from services.fleet.report import HeardReport, TopicReport, WorkerReport
from services.fleet.roll import REPORTS_KEY, TERM_MS, UNTIL_KEY, Roll
from services.upstream.ban_record import SharedBan
from services.upstream.keys import rate_key, upstream_key
from services.upstream.optional_redis import OptionalRedis
from services.upstream.rate_budget import RateBudget
from services.upstream.shared_state import SharedStates
from services.upstream.state import ExchangeMood, ExchangeState
from utils.domain import Topic

TOPIC = Topic.parse("bars:crypto:bitstamp:BTC/USD:1m")
BITSTAMP = ExchangeState("crypto", "bitstamp", ExchangeMood.ANSWERING, 0.0, 10.0)


def report(name: str, **changes: object) -> WorkerReport:
    return replace(WorkerReport(name, "all", 1, (TopicReport(TOPIC, 1),), (BITSTAMP,)), **changes)


@dataclass
class Told:
    """A worker whose report and clock are set by hand."""

    report: WorkerReport
    now_s: float = 0.0

    def fleet(self, redis: Redis) -> Fleet:
        states = SharedStates(OptionalRedis(redis, time.monotonic))
        return Fleet(Roll(redis), states, lambda: self.report, lambda: self.now_s)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # type: ignore[misc]
            continue


@pytest.fixture
async def gone() -> AsyncIterator[Redis]:
    """A Redis that is not there."""
    client = open_redis("redis://127.0.0.1:1/0")
    yield client
    await client.aclose()


async def test_workers_know_of_each_other_until_they_leave(redis: Redis) -> None:
    one, two = Told(report("one")).fleet(redis), Told(report("two", connections=5)).fleet(redis)
    two.start()
    try:
        await until(lambda: redis.hlen(REPORTS_KEY))
        state = await one.state()
        assert state.complete
        assert [heard.report.name for heard in state.workers] == ["one", "two"]
        assert 0 <= state.workers[1].age_ms < TERM_MS
        assert [(row.topic, row.listeners) for row in state.feeds] == [(TOPIC, 2)]
    finally:
        await two.close()
    assert await redis.exists(UNTIL_KEY, REPORTS_KEY) == 0
    await one.close()


async def test_who_tells_no_more_is_forgotten(redis: Redis) -> None:
    dead, alive, reader = (Roll(redis) for _ in range(3))
    await dead.tell(report("dead"))
    await alive.tell(report("alive"))
    # Its term is over.
    await redis.zadd(UNTIL_KEY, {dead._own_id: 1})
    assert [heard.report.name for heard in await reader.read_others()] == ["alive"]
    assert await redis.hkeys(REPORTS_KEY) == [alive._own_id.encode()]
    assert 0 < await redis.pttl(UNTIL_KEY) <= TERM_MS
    assert 0 < await redis.pttl(REPORTS_KEY) <= TERM_MS


async def test_a_worker_of_another_version_is_left_out(redis: Redis) -> None:
    await Roll(redis).tell(report("one"))
    await redis.hset(REPORTS_KEY, "other", b'{"from": "the future"}')
    await redis.zadd(UNTIL_KEY, {"other": 10**15})
    assert [heard.report.name for heard in await Roll(redis).read_others()] == ["one"]


async def test_without_redis_a_worker_knows_itself_and_says_so(gone: Redis) -> None:
    fleet = Told(report("alone")).fleet(gone)
    async with asyncio.timeout(2):
        state = await fleet.state()
    assert not state.complete
    assert [heard.report.name for heard in state.workers] == ["alone"]
    assert [row.state for row in state.exchanges] == [BITSTAMP]
    await fleet.close()


async def test_all_who_ask_within_a_second_are_given_the_same(redis: Redis) -> None:
    worker = Told(report("one"))
    fleet = worker.fleet(redis)
    first, second = await asyncio.gather(fleet.state(), fleet.state())
    assert first is second is await fleet.state()
    worker.now_s += 1.1
    assert await fleet.state() is not first
    await fleet.close()


async def test_bans_and_budgets_are_those_that_all_workers_share(redis: Redis) -> None:
    optional = OptionalRedis(redis, time.monotonic)
    key = upstream_key("crypto", "bitstamp")
    budget = RateBudget("bitstamp", rate_key(key), 10.0, redis=optional, workers=1, steady_s=time.monotonic)
    fleet = Told(report("one")).fleet(redis)
    (row,) = (await fleet.state()).exchanges
    assert (row.state.mood, row.budget_left) == (ExchangeMood.ANSWERING, 10)
    await fleet.close()
    for _ in range(4):
        await budget.take_turn(time.monotonic() + 5)
    await SharedBan(key, optional).impose(30.0)
    fleet = Told(report("two")).fleet(redis)
    (row,) = (await fleet.state()).exchanges
    assert row.state.mood is ExchangeMood.LIMITED
    assert 28 < row.state.wait_s <= 30
    assert row.budget_left is not None
    # A turn comes back every tenth of a second.
    assert 6 <= row.budget_left < 10
    await fleet.close()


def test_an_exchange_that_one_worker_finds_silent_is_named_with_that_worker() -> None:
    silent = replace(BITSTAMP, mood=ExchangeMood.SILENT, wait_s=4.0)
    limited = replace(BITSTAMP, mood=ExchangeMood.LIMITED, wait_s=2.0)
    well = HeardReport(report("well"), 0)
    deaf = HeardReport(report("deaf", exchanges=(silent,)), 0)
    (row,) = exchange_rows([well, deaf])
    assert (row.state, row.silent_on) == (silent, ("deaf",))
    (row,) = exchange_rows([well, deaf, HeardReport(report("told", exchanges=(limited,)), 0)])
    assert (row.state, row.silent_on) == (limited, ("deaf",))
    (row,) = exchange_rows([well])
    assert (row.state, row.silent_on) == (BITSTAMP, ())
