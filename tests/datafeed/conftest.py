"""One datafeed for each kind of source: the simulated market, and recorded exchanges with holes in them."""

import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from quart.testing import app as testing

from app import create_app
from config import Config
from tests.datafeed.feed import Bars, Feed
from tests.exchange import LocalExchange
from tests.exchange.fold import Row, fold_floats
from tests.exchange.recordings import bitstamp_hour, coinbase_hours
from tests.services.recorded_market import QUIET, true_bars
from utils.clock import Clock
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe

NOW_MS = 1_709_296_496_000  # 2024-03-01T12:34:56Z, two months after the simulated market opened
# Nobody traded then: minutes of the hour of Bitstamp, and days of the year of Coinbase. Of that year a few
# weeks are taken: Coinbase sends 300 bars a call, and allows few calls.
BITSTAMP_HOLE = (21, 30)
COINBASE_HOLE_MS = (1_708_300_800_000, 1_709_164_800_000)
COINBASE_FIRST_MS = 1_707_696_000_000
COINBASE_NOW_MS = 1_710_003_600_000 + 20 * MINUTE_MS


@pytest.fixture(params=["simulated", "bitstamp", "coinbase"])
async def feed(request: pytest.FixtureRequest, config: Config) -> AsyncIterator[Feed]:
    opened = {"simulated": simulated, "bitstamp": bitstamp, "coinbase": coinbase}[request.param]
    async with opened(config) as feed:
        yield feed


@asynccontextmanager
async def simulated(config: Config) -> AsyncIterator[Feed]:
    """An instrument that trades every few minutes, at one instant for ever."""
    minute = Timeframe.parse("1m")
    start_ms = NOW_MS - 2 * DAY_MS
    bars = await true_bars(NOW_MS, QUIET, minute, start_ms, NOW_MS + MINUTE_MS)
    app = create_app(config, Clock(now_ms=lambda: NOW_MS))
    async with testing.TestApp(app):
        yield Feed(
            client=app.test_client(),
            ticker=QUIET.text,
            resolution="1",
            bars=[(bar.open_time_ms, *bar.values) for bar in bars],
            now_ms=NOW_MS,
            whole=False,
        )


@asynccontextmanager
async def bitstamp(config: Config) -> AsyncIterator[Feed]:
    """An hour of trades, nine minutes of which are silent."""
    recorded = bitstamp_hour()
    began_ms = recorded[0].time_ms
    first_ms, last_ms = (began_ms + minutes * MINUTE_MS for minutes in BITSTAMP_HOLE)
    trades = [trade for trade in recorded if not first_ms <= trade.time_ms < last_ms]
    async with LocalExchange(time_ms=trades[-1].time_ms) as exchange:
        exchange.bitstamp.hold_trades("BTC/USD", trades)
        async with served(config, exchange, "bitstamp") as app:
            bars = fold_floats(trades, MINUTE_MS)
            ticker = "crypto:bitstamp:BTC/USD"
            yield Feed(app.test_client(), ticker, "1", bars, exchange.time_ms, whole=True, price_scale=(1, 1))


@asynccontextmanager
async def coinbase(config: Config) -> AsyncIterator[Feed]:
    """Four weeks of hours, ten days of which are silent."""
    first_ms, last_ms = COINBASE_HOLE_MS
    rows = [
        row
        for row in coinbase_hours()
        if COINBASE_FIRST_MS <= row.open_time_ms <= COINBASE_NOW_MS
        and not first_ms <= row.open_time_ms < last_ms
    ]
    async with LocalExchange(time_ms=COINBASE_NOW_MS) as exchange:
        exchange.coinbase.hold_bars("BTC/USD", HOUR_MS, rows)
        exchange.coinbase.hold_bars("BTC/USD", DAY_MS, days_of(rows))
        async with served(config, exchange, "coinbase") as app:
            bars: Bars = [(row.open_time_ms, *(float(text) for text in row[1:])) for row in rows]
            ticker = "crypto:coinbase:BTC/USD"
            feed = Feed(app.test_client(), ticker, "60", bars, exchange.time_ms, whole=True)
            await feed.read_ahead()
            yield feed


@asynccontextmanager
async def served(config: Config, exchange: LocalExchange, name: str) -> AsyncIterator[object]:
    settings = replace(
        config, crypto_endpoint=exchange.endpoint, crypto_exchanges=name, default_exchange=name
    )
    async with AsyncExitStack() as stack:
        app = create_app(settings)
        await stack.enter_async_context(testing.TestApp(app))
        yield app


def days_of(rows: Iterable[Row]) -> list[Row]:
    """Fold hours into days in the plainest way there is."""
    days = []
    for day_ms, group in itertools.groupby(rows, lambda row: row.open_time_ms - row.open_time_ms % DAY_MS):
        hours = list(group)
        high, low = (
            max((row.high for row in hours), key=Decimal),
            min((row.low for row in hours), key=Decimal),
        )
        volume = sum((Decimal(row.volume) for row in hours), Decimal(0))
        days.append(Row(day_ms, hours[0].open, high, low, hours[-1].close, f"{volume:f}"))
    return days
