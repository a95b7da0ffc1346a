"""A guarded plugin is the same plugin, but for what its exchange cannot bear."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest
from redis.asyncio import Redis

from plugins import PluginRegistry
from plugins.base import VenueProfile
from plugins.simulated import EXCHANGE, SimulatedPlugin
from plugins.simulated_faults import ERROR_EVERY_REQUESTS, SimulatedFaults
from services.upstream.breaker import FAILURES_MAX
from services.upstream.guarded_plugin import GuardedPlugin, guard_plugins
from services.upstream.optional_redis import OptionalRedis
from tests.services.recorded_market import BEGAN_MS, BTC, MINUTE, HandClock, RecordedMarket
from tests.services.upstream.conftest import DEADLINE_S, HandSteady, MakeParts
from utils.clock import Clock
from utils.domain import MINUTE_MS, Instrument, Timeframe, Trade
from utils.errors import NotFound, UpstreamBusy, UpstreamDown, UpstreamLimited

ASKED_TO_WAIT = UpstreamLimited("The exchange asked us to wait. Try again.", retry_after_s=7)
START_MS = BEGAN_MS - 100 * MINUTE_MS


class Market(RecordedMarket):
    """The recorded market, whose streams may be refused as well."""

    def __init__(self) -> None:
        super().__init__(HandClock())
        self.streams = 0
        self.stream_error: Exception | None = None

    async def watch_trades(self, instrument: Instrument) -> AsyncGenerator[tuple[Trade, ...], None]:
        self.streams += 1
        if self.stream_error is not None:
            raise self.stream_error
        yield await super().fetch_trades(instrument, since_ms=BEGAN_MS - MINUTE_MS)
        await asyncio.Event().wait()


@dataclass
class Worker:
    market: Market
    plugin: GuardedPlugin

    async def bars(self) -> int:
        page = await self.plugin.fetch_bars(BTC, MINUTE, start_ms=START_MS, limit=10)
        return len(page.rows)


def make_worker(make_parts: MakeParts) -> Worker:
    market = Market()
    return Worker(market, GuardedPlugin(market, make_parts()))


@pytest.fixture
def worker(make_parts: MakeParts) -> Worker:
    return make_worker(make_parts)


async def first_update(worker: Worker) -> tuple[Trade, ...]:
    async with asyncio.timeout(DEADLINE_S), contextlib.aclosing(worker.plugin.watch_trades(BTC)) as updates:
        return await anext(updates)


async def test_every_answer_is_the_plugins_own(worker: Worker) -> None:
    bare, guarded = worker.market, worker.plugin
    assert guarded.market == bare.market
    assert await guarded.list_exchanges() == await bare.list_exchanges()
    assert await guarded.profile(EXCHANGE) == await bare.profile(EXCHANGE)
    assert guarded.exchange_time_ms(EXCHANGE) == bare.exchange_time_ms(EXCHANGE)
    assert await guarded.fetch_instruments(EXCHANGE) == await bare.fetch_instruments(EXCHANGE)
    asked = {"start_ms": START_MS, "limit": 50}
    assert await guarded.fetch_bars(BTC, MINUTE, **asked) == await bare.fetch_bars(BTC, MINUTE, **asked)
    since_ms = BEGAN_MS - MINUTE_MS
    trades = await guarded.fetch_trades(BTC, since_ms=since_ms)
    assert trades == await bare.fetch_trades(BTC, since_ms=since_ms)
    assert await first_update(worker) == trades
    streams = [plugin.watch_bars(BTC, Timeframe.parse("1s")) for plugin in (guarded, bare)]
    async with contextlib.aclosing(streams[0]) as ours, contextlib.aclosing(streams[1]) as theirs:
        assert await anext(ours) == await anext(theirs)


async def test_a_registry_is_guarded_whole(here: OptionalRedis) -> None:
    market = RecordedMarket(HandClock())
    registry = guard_plugins(PluginRegistry({market.market: market}), redis=here, clock=Clock(), workers=1)
    assert isinstance(registry.get("simulated"), GuardedPlugin)
    with pytest.raises(NotFound, match="The markets are simulated"):
        registry.get("crypto")


async def test_an_exchange_there_is_not_costs_no_guard(worker: Worker) -> None:
    for number in range(10):
        with pytest.raises(NotFound):
            await worker.plugin.fetch_instruments(f"made up {number}")
    assert not worker.plugin._guards


async def test_what_one_worker_is_told_holds_for_all_questions_of_all_workers(
    make_parts: MakeParts, steady: HandSteady, redis: Redis
) -> None:
    workers = [make_worker(make_parts) for _ in range(2)]
    workers[0].market.error = ASKED_TO_WAIT
    with pytest.raises(UpstreamLimited):
        await workers[0].bars()
    asked = [(worker.market.listings, len(worker.market.asked)) for worker in workers]
    for worker in workers:
        for _ in range(10):
            with pytest.raises(UpstreamLimited):
                await worker.bars()
            with pytest.raises(UpstreamLimited):
                await worker.plugin.fetch_instruments(EXCHANGE)
            with pytest.raises(UpstreamLimited):
                await worker.plugin.fetch_trades(BTC, since_ms=START_MS)
            with pytest.raises(UpstreamLimited):
                await first_update(worker)
        assert worker.market.streams == 0
    assert [(worker.market.listings, len(worker.market.asked)) for worker in workers] == asked
    steady.now_s += 7
    await redis.delete("upstream:{simulated:simex}:until")
    workers[0].market.error = None
    assert await workers[1].bars() == 10
    assert await workers[0].bars() == 10
    assert await first_update(workers[0])


async def test_a_stream_that_is_asked_to_wait_speaks_for_the_exchange(worker: Worker) -> None:
    worker.market.stream_error = ASKED_TO_WAIT
    with pytest.raises(UpstreamLimited):
        await first_update(worker)
    with pytest.raises(UpstreamLimited, match="simex asked us to wait"):
        await worker.bars()
    assert not worker.market.asked


async def test_a_stream_that_the_plugin_itself_refuses_does_not(worker: Worker) -> None:
    worker.market.stream_error = UpstreamBusy("Enough is being asked. Try again.")
    with pytest.raises(UpstreamBusy):
        await first_update(worker)
    assert await worker.bars() == 10


async def test_a_stream_left_early_is_closed_at_once(worker: Worker) -> None:
    closed = asyncio.Event()

    async def watch(_: Instrument) -> AsyncGenerator[tuple[Trade, ...], None]:
        try:
            while True:
                yield ()
        finally:
            closed.set()

    worker.market.watch_trades = watch
    await first_update(worker)
    assert closed.is_set()


@pytest.fixture
def faulty(make_parts: MakeParts) -> GuardedPlugin:
    """The simulated market, every fifth request of which fails."""
    return GuardedPlugin(SimulatedPlugin(HandClock().clock, 1, SimulatedFaults(error=True)), make_parts())


async def test_most_single_failures_of_an_exchange_are_made_good(faulty: GuardedPlugin) -> None:
    outcomes = []
    for _ in range(200):
        try:
            page = await faulty.fetch_bars(BTC, MINUTE, start_ms=START_MS, limit=10)
            outcomes.append(len(page.rows))
        except UpstreamDown:
            outcomes.append(0)
    requests = faulty._plugin._requests
    assert set(outcomes) == {0, 10}
    # Every tenth question may be put again, and then is not the fifth request any more.
    assert requests - 200 == 200 // 10 - 1
    assert outcomes.count(0) == requests // ERROR_EVERY_REQUESTS - (requests - 200)


async def test_the_simulated_market_is_asked_as_often_as_one_likes(faulty: GuardedPlugin) -> None:
    assert (await faulty.profile(EXCHANGE)).requests_per_s is None


async def test_the_budget_of_the_profile_is_kept(worker: Worker) -> None:
    def limit(profile: VenueProfile) -> VenueProfile:
        return replace(profile, requests_per_s=1.0)

    worker.market.change_profile = limit
    answers = await asyncio.gather(*(worker.bars() for _ in range(20)), return_exceptions=True)
    assert len(worker.market.asked) == answers.count(10) < 10
    assert all(isinstance(answer, UpstreamBusy) for answer in answers if answer != 10)


async def test_an_exchange_that_is_away_is_given_up_and_come_back_to(
    worker: Worker, steady: HandSteady
) -> None:
    worker.market.error = UpstreamDown("The exchange is away. Try again.", retry_after_s=5)
    for _ in range(50):
        with pytest.raises(UpstreamDown):
            await worker.bars()
    assert len(worker.market.asked) == FAILURES_MAX
    worker.market.error = None
    steady.now_s += 5
    assert await worker.bars() == 10
