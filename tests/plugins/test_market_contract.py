"""One contract for every market plugin: what `plugins.base` promises, asked of each of them.

To bring a plugin under it, add a stage: a market with the plugin on it, an instrument to ask about, and a way
to make something happen there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import ccxt.pro  # noqa: F401  # a second and more of importing, before any deadline runs
import pytest

from plugins import crypto, simulated
from plugins.base import LiveMode, MarketPlugin, PluginContext, VenueProfile
from plugins.simulated_path import ORIGIN_MS
from tests.exchange import LocalExchange
from tests.exchange.markets import walk
from utils.clock import Clock
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Bar, BarState, Instrument, Timeframe, Trade
from utils.errors import NotFound

MINUTE = Timeframe(1, "m")
START_MS = 419_527 * HOUR_MS
DEADLINE_S = 15


@dataclass(frozen=True)
class Stage:
    """A plugin with a market behind it; ``stir`` makes the market trade while it is awaited."""

    plugin: MarketPlugin
    instrument: Instrument
    now_ms: Callable[[], int]
    stir: Callable[[], Awaitable[None]]


@asynccontextmanager
async def crypto_stage(exchange: str, symbol: str) -> AsyncIterator[Stage]:
    async with LocalExchange(time_ms=START_MS + HOUR_MS - 1_000) as local:
        venue = local.venue(exchange)
        venue.hold_trades(symbol, walk(600, start_ms=START_MS))
        settings = {"CRYPTO_ENDPOINT": local.endpoint, "CRYPTO_EXCHANGES": exchange}
        plugin = crypto.create_plugin(PluginContext(Clock(), settings))

        async def stir() -> None:
            await local.until(lambda: any(venue.sockets.values()))
            for number in range(50):
                trades = walk(1, start_ms=local.time_ms + 1_000, first_id=50_000 + number)
                await venue.push_trades(symbol, trades)

        await plugin.open()
        try:
            yield Stage(plugin, Instrument("crypto", exchange, symbol), lambda: local.time_ms, stir)
        finally:
            await plugin.close()


class FastClock:
    """A clock on which a second passes at every sleep."""

    def __init__(self, time_ms: int) -> None:
        self.time_ms = time_ms

    async def sleep_s(self, seconds: float) -> None:
        self.time_ms += max(1_000, round(seconds * 1_000))
        await asyncio.sleep(0)


@asynccontextmanager
async def simulated_stage() -> AsyncIterator[Stage]:
    clock = FastClock(ORIGIN_MS + 500 * DAY_MS + 30_000)
    plugin = simulated.create_plugin(PluginContext(Clock(lambda: clock.time_ms, clock.sleep_s), {}))

    async def stir() -> None:
        await asyncio.sleep(0)

    await plugin.open()
    try:
        instrument = Instrument("simulated", "simex", "BTC/USD")
        yield Stage(plugin, instrument, lambda: clock.time_ms, stir)
    finally:
        await plugin.close()


STAGES: dict[str, Callable[[], AbstractAsyncContextManager[Stage]]] = {
    "simulated": simulated_stage,
    "crypto-bitstamp": lambda: crypto_stage("bitstamp", "BTC/USD"),
    "crypto-binance": lambda: crypto_stage("binance", "BTC/USDT"),
    "crypto-coinbase": lambda: crypto_stage("coinbase", "BTC/USD"),
}


@pytest.fixture(params=STAGES)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param]() as opened:
        yield opened


async def profile_of(stage: Stage) -> VenueProfile:
    return await stage.plugin.profile(stage.instrument.exchange)


async def test_its_exchanges_are_sorted_and_hold_the_one_asked_about(stage: Stage) -> None:
    exchanges = await stage.plugin.list_exchanges()
    assert list(exchanges) == sorted(set(exchanges))
    assert stage.instrument.exchange in exchanges
    assert stage.plugin.market == stage.instrument.market


async def test_its_profile_can_be_worked_with(stage: Stage) -> None:
    profile = await profile_of(stage)
    assert profile.page_bars >= 1
    assert MINUTE in profile.timeframes
    lengths = [timeframe.approximate_ms for timeframe in profile.timeframes]
    assert lengths == sorted(set(lengths))


async def test_its_instruments_are_sorted_and_can_be_spoken_of(stage: Stage) -> None:
    specs = await stage.plugin.fetch_instruments(stage.instrument.exchange)
    symbols = [spec.instrument.symbol for spec in specs]
    assert symbols == sorted(set(symbols))
    assert stage.instrument in [spec.instrument for spec in specs]
    for spec in specs:
        assert (spec.instrument.market, spec.instrument.exchange) == (
            stage.instrument.market,
            stage.instrument.exchange,
        )
        assert spec.description.strip()
        assert spec.spoken_name.isprintable()
        assert "/" not in spec.spoken_name
        assert spec.price_step is None or spec.price_step > 0
        assert spec.amount_step is None or spec.amount_step > 0


async def test_bars_lie_on_the_grid_at_or_after_the_start_and_up_to_the_limit(stage: Stage) -> None:
    start_ms = MINUTE.floor(stage.now_ms()) - 20 * MINUTE_MS
    page = await stage.plugin.fetch_bars(stage.instrument, MINUTE, start_ms=start_ms, limit=7)
    opens = [row[0] for row in page.rows]
    assert sorted(opens) == [start_ms + place * MINUTE_MS for place in range(7)]
    assert abs(page.exchange_time_ms - stage.now_ms()) <= 1_000
    for _, opened, high, low, close, volume in page.rows:
        assert 0 < low <= min(opened, close) <= max(opened, close) <= high
        assert volume >= 0


async def test_the_newest_bar_is_the_one_of_now(stage: Stage) -> None:
    now_ms = stage.now_ms()
    page = await stage.plugin.fetch_bars(
        stage.instrument, MINUTE, start_ms=MINUTE.floor(now_ms) - 5 * MINUTE_MS, limit=50
    )
    assert max(row[0] for row in page.rows) == MINUTE.floor(stage.now_ms())


async def test_pages_join_without_a_seam(stage: Stage) -> None:
    start_ms = MINUTE.floor(stage.now_ms()) - 30 * MINUTE_MS
    whole = await stage.plugin.fetch_bars(stage.instrument, MINUTE, start_ms=start_ms, limit=20)
    parts, cursor_ms = [], start_ms
    for limit in (1, 12, 7):
        page = await stage.plugin.fetch_bars(stage.instrument, MINUTE, start_ms=cursor_ms, limit=limit)
        assert len(page.rows) <= limit
        parts += sorted(page.rows)
        cursor_ms = MINUTE.next(parts[-1][0])
    assert parts == sorted(whole.rows)


async def test_longer_bars_hold_the_shorter_ones(stage: Stage) -> None:
    five = Timeframe(5, "m")
    start_ms = five.floor(stage.now_ms()) - 20 * MINUTE_MS
    short = await stage.plugin.fetch_bars(stage.instrument, MINUTE, start_ms=start_ms, limit=5)
    long = await stage.plugin.fetch_bars(stage.instrument, five, start_ms=start_ms, limit=1)
    rows = sorted(short.rows)
    open_ms, opened, high, low, close, volume = long.rows[0]
    assert (open_ms, opened, close) == (start_ms, rows[0][1], rows[-1][4])
    assert (high, low) == (max(row[2] for row in rows), min(row[3] for row in rows))
    assert volume == pytest.approx(sum(row[5] for row in rows))


async def test_after_now_there_is_nothing(stage: Stage) -> None:
    start_ms = MINUTE.next(stage.now_ms()) + DAY_MS
    page = await stage.plugin.fetch_bars(stage.instrument, MINUTE, start_ms=start_ms, limit=5)
    assert page.rows == ()


async def test_past_trades_come_oldest_first_from_the_second_asked_for(stage: Stage) -> None:
    since_ms = stage.now_ms() - 5 * MINUTE_MS
    trades = await stage.plugin.fetch_trades(stage.instrument, since_ms=since_ms)
    assert trades
    times = [trade.time_ms for trade in trades]
    assert times == sorted(times)
    assert since_ms - 1_000 < times[0]
    assert times[-1] <= stage.now_ms() + 1_000
    assert all(trade.price > 0 and trade.amount >= 0 for trade in trades)


async def test_its_live_mode_is_heard(stage: Stage) -> None:
    profile = await profile_of(stage)
    assert profile.live_mode is not LiveMode.POLL
    if profile.live_mode is LiveMode.BARS:
        stream = stage.plugin.watch_bars(stage.instrument, MINUTE)
    else:
        stream = stage.plugin.watch_trades(stage.instrument)
    heard: list[Bar | Trade] = []
    async with asyncio.timeout(DEADLINE_S):
        stirring = asyncio.create_task(stage.stir())
        try:
            async for items in stream:
                assert items
                heard += items
                if len(heard) >= 5:
                    break
            await stirring
        finally:
            stirring.cancel()
            await asyncio.wait([stirring])
            await stream.aclose()
    if profile.live_mode is LiveMode.BARS:
        assert all(MINUTE.floor(bar.open_time_ms) == bar.open_time_ms for bar in heard)
        assert {bar.state for bar in heard} <= {BarState.FORMING, BarState.CLOSED}
        assert {bar.source for bar in heard} == {profile.source}
    else:
        assert len({trade.id for trade in heard}) == len(heard)


async def test_a_stream_can_be_closed_before_anything_is_heard(stage: Stage) -> None:
    stream = stage.plugin.watch_trades(stage.instrument)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE_S):
        waiting.cancel()
        await asyncio.wait([waiting])
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_what_does_not_exist_is_not_found(stage: Stage) -> None:
    plugin, known = stage.plugin, stage.instrument
    nowhere = Instrument(known.market, "no-such-exchange", known.symbol)
    nothing = Instrument(known.market, known.exchange, "NOT/REAL")
    questions: list[Callable[[], Awaitable[object]]] = [
        lambda: plugin.profile("no-such-exchange"),
        lambda: plugin.fetch_instruments("no-such-exchange"),
    ]
    for instrument in (nowhere, nothing):
        questions += [
            lambda instrument=instrument: plugin.fetch_bars(instrument, MINUTE, start_ms=0, limit=1),
            lambda instrument=instrument: plugin.fetch_trades(instrument, since_ms=0),
            lambda instrument=instrument: anext(plugin.watch_bars(instrument, MINUTE)),
            lambda instrument=instrument: anext(plugin.watch_trades(instrument)),
        ]
    for question in questions:
        with pytest.raises(NotFound) as caught:
            await question()
        assert caught.value.detail.endswith(".")


async def test_its_clock_is_the_exchanges(stage: Stage) -> None:
    await stage.plugin.fetch_bars(stage.instrument, MINUTE, start_ms=stage.now_ms(), limit=1)
    assert abs(stage.plugin.exchange_time_ms(stage.instrument.exchange) - stage.now_ms()) < 20_000
