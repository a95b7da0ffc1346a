"""Two workers and an exchange that limits, bans, hangs or dies: what reaches it, and what people are told."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, TypeVar

import pytest
from quart import Quart

from app import create_app
from config import Config
from middleware.context import EXTENSION
from plugins.base import MarketPlugin
from services.upstream import guarded_plugin
from services.upstream.breaker import FAILURES_MAX, OPEN_MIN_S
from services.upstream.limits import UpstreamLimits
from tests.exchange import Fault, LocalExchange
from tests.exchange.markets import walk
from utils.clock import Clock
from utils.domain import HOUR_MS, MINUTE_MS, Instrument, Timeframe
from utils.errors import UpstreamDown

START_MS = 419_527 * HOUR_MS
STORED_MINUTES = 10
STALE_WITHIN_S = 0.3
ANSWER_WITHIN_S = 6.0
DEADLINE_S = 15.0
Asked = TypeVar("Asked")
COLD = [(symbol, timeframe) for symbol in ("ETH/USD", "ETH/BTC") for timeframe in ("1m", "5m", "1h", "4h")]


@dataclass(frozen=True)
class Told:
    """What one question was answered with, and after how long."""

    status: int
    body: dict[str, Any]
    took_s: float


class Worker:
    """One process of the service, as its clients see it."""

    def __init__(self, app: Quart) -> None:
        self._client = app.test_client()
        self._app = app
        self._questions = 0

    @property
    def plugin(self) -> MarketPlugin:
        """What every service of this worker asks the exchanges with."""
        return self._app.extensions[EXTENSION].catalog.plugin("crypto")

    async def get(self, path: str) -> Told:
        began_s = time.monotonic()
        async with asyncio.timeout(DEADLINE_S):
            answer = await self._client.get(path)
            body = await answer.get_json()
        return Told(answer.status_code, body, time.monotonic() - began_s)

    async def bars(self, place: int, exchange: str = "bitstamp") -> Told:
        """Ask for bars of which none are stored yet, unlike any question before."""
        symbol, timeframe = COLD[place % len(COLD)]
        symbol = symbol.replace("USD", "USDT") if exchange == "binance" else symbol
        self._questions += 1
        return await self.get(
            f"/market/fetch_ohlcv?market=crypto&exchange={exchange}&symbol={symbol}&timeframe={timeframe}"
            f"&since={START_MS}&limit={5 + self._questions % 50}"
        )

    async def stored_bars(self, minutes: int = STORED_MINUTES) -> Told:
        """Ask for ten stored bars, and for more of them that are not."""
        return await self.get(
            "/market/fetch_ohlcv?market=crypto&exchange=bitstamp&symbol=BTC/USD&timeframe=1m"
            f"&since={START_MS}&until={START_MS + minutes * MINUTE_MS}"
        )


@dataclass
class Stage:
    """Two workers, their exchange, and the steady time that a test may let pass at once."""

    exchange: LocalExchange
    workers: list[Worker]
    passed_s: float = 0.0

    def calls(self, venue: str = "bitstamp") -> int:
        return sum(call.venue == venue for call in self.exchange.calls)

    def steady_s(self) -> float:
        return time.monotonic() + self.passed_s


@pytest.fixture
async def stage(config: Config) -> AsyncIterator[Stage]:
    """Both workers have read the market lists, and ten minutes of one symbol are stored."""
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(LocalExchange(time_ms=START_MS + HOUR_MS))
        for symbol in ("BTC/USD", "ETH/USD", "ETH/BTC"):
            exchange.bitstamp.hold_trades(symbol, walk(500, start_ms=START_MS))
        for symbol in ("ETH/USDT", "ETH/BTC"):
            exchange.binance.hold_trades(symbol, walk(500, start_ms=START_MS))
        stage = Stage(exchange, [])
        settings = replace(
            config,
            workers=2,
            crypto_endpoint=exchange.endpoint,
            crypto_exchanges="bitstamp,binance",
        )
        for _ in range(2):
            app = create_app(settings, Clock(steady_s=stage.steady_s))
            app.config["PROPAGATE_EXCEPTIONS"] = False
            await stack.enter_async_context(app.test_app())
            stage.workers.append(Worker(app))
        for worker in stage.workers:
            assert (await worker.stored_bars()).body["stale"] is False
            for venue in ("bitstamp", "binance"):
                await worker.get(f"/market/get_symbols?market=crypto&exchange={venue}")
        yield stage
        exchange.bitstamp.released.set()


async def each_for(seconds: float, ask: Callable[[int], Awaitable[Asked]], *, per_s: float) -> list[Asked]:
    """Ask at an even pace, however long the answers take."""
    began_s, asking = time.monotonic(), []
    async with asyncio.TaskGroup() as group:
        while (late_s := time.monotonic() - began_s) < seconds:
            asking.append(group.create_task(ask(len(asking))))
            await asyncio.sleep(max(0.0, len(asking) / per_s - late_s))  # the pace is what is tested
    return [task.result() for task in asking]


def assert_stale(told: Told) -> None:
    assert (told.status, told.body["stale"]) == (200, True)
    assert len(told.body["ohlcv"]) >= STORED_MINUTES
    assert told.body["gaps"]


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.BANNED])
@pytest.mark.parametrize("wait_s", [2, pytest.param(7, marks=pytest.mark.long)])
async def test_until_the_time_an_exchange_gave_no_worker_calls_it_and_then_one_does(
    stage: Stage, fault: Fault, wait_s: int
) -> None:
    venue, (one, other) = stage.exchange.bitstamp, stage.workers
    venue.fault, venue.retry_after_s = fault, wait_s
    before = stage.calls()
    told = await one.bars(0)
    limited_s = time.monotonic()
    assert (told.status, told.body["code"]) == (503, "exchange_rate_limited")
    assert f"wait. Try again in {wait_s} seconds" in told.body["detail"]
    assert stage.calls() == before + 1
    venue.fault = None

    async def ask_all(place: int) -> Told:
        worker = (one, other)[place % 2]
        return await (worker.bars(place) if place % 4 < 2 else worker.stored_bars(20 + place))

    answers = await each_for(wait_s - 0.8, ask_all, per_s=20)
    assert stage.calls() == before + 1
    for told in answers:
        if told.status == 200:
            assert_stale(told)
        else:
            assert (told.status, told.body["code"]) == (503, "exchange_rate_limited")
            assert 0 < told.body["retry_after"] <= wait_s
    stale = [told.took_s for told in answers if told.status == 200]
    assert median(stale) < STALE_WITHIN_S

    venue.fault = Fault.HANG
    await asyncio.sleep(limited_s + wait_s + 0.1 - time.monotonic())  # Redis counts this time
    asking = [asyncio.create_task(worker.bars(place)) for place in range(8) for worker in stage.workers]
    await stage.exchange.until(lambda: stage.calls() > before + 1)
    await asyncio.wait(asking, timeout=0.5)
    assert stage.calls() == before + 2
    venue.fault = None
    venue.released.set()
    assert {told.status for told in await asyncio.gather(*asking)} == {200}
    assert stage.calls() > before + 2


async def test_a_limit_of_one_exchange_leaves_the_others_alone(stage: Stage) -> None:
    venue = stage.exchange.bitstamp
    venue.fault, venue.retry_after_s = Fault.RATE_LIMITED, 60
    assert (await stage.workers[0].bars(0)).status == 503
    before, binance_before = stage.calls(), stage.calls("binance")
    for place in range(4):
        for worker in stage.workers:
            assert (await worker.bars(place)).status == 503
            assert (await worker.bars(place, "binance")).status == 200
    assert stage.calls() == before
    assert stage.calls("binance") > binance_before


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for an answer longer than a test can."""
    limits = functools.partial(UpstreamLimits, answer_s=0.3, left_s=0.1)
    monkeypatch.setattr(guarded_plugin, "UpstreamLimits", limits)


@pytest.fixture(params=["hurried", pytest.param("unhurried", marks=pytest.mark.long)])
def pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "hurried":
        hurry(monkeypatch)


@pytest.mark.usefixtures("pace")
async def test_a_hanging_exchange_keeps_nobody_waiting_for_long_and_soon_nobody_at_all(
    stage: Stage,
) -> None:
    stage.exchange.bitstamp.fault = Fault.HANG
    worker = stage.workers[0]
    cold = [told for _ in range(2) for told in await asyncio.gather(*map(worker.bars, range(len(COLD))))]
    assert {told.status for told in cold} <= {503, 504}
    assert 504 in {told.status for told in cold}
    assert max(told.took_s for told in cold) < ANSWER_WITHIN_S
    assert all(told.body["detail"].endswith(".") and told.body["retry_after"] for told in cold)
    before = stage.calls()
    stale = [await worker.stored_bars(20 + place) for place in range(20)]
    for told in stale:
        assert_stale(told)
    assert median(told.took_s for told in stale) < STALE_WITHIN_S
    assert stage.calls() == before


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.long)])
async def test_a_dead_exchange_is_asked_by_nearly_nobody(stage: Stage, seconds: int) -> None:
    stage.exchange.bitstamp.fault = Fault.UNAVAILABLE
    before = stage.calls()
    instrument = Instrument("crypto", "bitstamp", "ETH/USD")

    async def ask(place: int) -> float:
        began_s = time.monotonic()
        with pytest.raises(UpstreamDown):
            await stage.workers[place % 2].plugin.fetch_bars(
                instrument, Timeframe.parse("1m"), start_ms=START_MS, limit=10
            )
        return time.monotonic() - began_s

    took_s = await each_for(seconds, ask, per_s=100)
    asked = stage.calls() - before
    # Each worker finds it out for itself, with three more on their way; then one asks each time it opens.
    trials = 2 * sum(after_s < seconds for after_s in (5, 15, 35))
    assert asked <= 2 * (FAILURES_MAX + 3) + trials
    assert asked <= 1.1 * len(took_s)
    assert median(took_s) < STALE_WITHIN_S


async def test_an_exchange_that_comes_back_is_found_by_exactly_one_question(stage: Stage) -> None:
    venue, worker = stage.exchange.bitstamp, stage.workers[0]
    venue.fault = Fault.UNAVAILABLE
    for place in range(FAILURES_MAX + 3):
        assert (await worker.bars(place)).status == 503
    told = await worker.stored_bars(20)
    assert_stale(told)
    before = stage.calls()
    venue.fault = Fault.HANG
    stage.passed_s += OPEN_MIN_S
    trial = asyncio.create_task(worker.bars(0))
    await stage.exchange.until(lambda: stage.calls() > before)
    others = await asyncio.gather(*(worker.bars(1 + place) for place in range(7)))
    assert {told.status for told in others} == {503}
    assert max(told.took_s for told in others) < ANSWER_WITHIN_S / 2
    assert stage.calls() == before + 1
    venue.fault = None
    venue.released.set()
    assert (await trial).status == 200
    assert {(await worker.bars(1 + place)).status for place in range(7)} == {200}
    assert (await worker.stored_bars(20)).body["stale"] is False


async def test_a_crowd_is_served_a_few_at_a_time(stage: Stage) -> None:
    stage.exchange.bitstamp.fault = Fault.HANG
    before = stage.calls()
    asking = [
        asyncio.create_task(
            stage.workers[0].get(
                "/market/fetch_ohlcv?market=crypto&exchange=bitstamp&symbol=BTC/USD&timeframe=1m"
                f"&since={START_MS}&limit={20 + place}"
            )
        )
        for place in range(30)
    ]
    cold = [asyncio.create_task(stage.workers[0].bars(place)) for place in range(len(COLD))]
    await stage.exchange.until(lambda: stage.calls() == before + 4)
    await asyncio.wait(cold, timeout=0.3)
    assert stage.calls() == before + 4
    stage.exchange.bitstamp.fault = None
    stage.exchange.bitstamp.released.set()
    assert {told.status for told in await asyncio.gather(*asking, *cold)} == {200}
